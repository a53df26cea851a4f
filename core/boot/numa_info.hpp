// Which node memory and CPUs belong to, and how far the nodes are apart.
//
// From SRAT rows, as Linux takes them: a row is clipped to RAM; rows of two nodes that overlap, or
// rows that leave 1 MiB of RAM or more without a node, make the whole table void, with a line in
// the log, and one node owns everything (as with numa=off).
//
// Errors  kInvalid: a node number that is not below kMaxNodes. kNoMemory (arena).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "boot/arena_vector.hpp"
#include "boot/command_line.hpp"
#include "boot/machine_spec.hpp"
#include "boot/memblock.hpp"
#include "host/host.hpp"

namespace quire {

inline constexpr unsigned kMaxNodes = 64;
inline constexpr std::uint8_t kLocalDistance = 10;
inline constexpr std::uint8_t kRemoteDistance = 20;

// A range of addresses of one node; holes within it belong to no other node.
struct NodeBlock {
  PhysRange range;
  NodeId node{};
};

class NumaInfo {
 public:
  explicit NumaInfo(Arena& arena) : arena_(arena), blocks_(arena) {}

  // Reads the tables and gives every memory region of `memblock` its node.
  struct Sources {
    const MachineSpec& spec;
    const CommandLine& options;
    Pfn max_pfn;
  };
  Result<void> init(const Sources& sources, Memblock& memblock, Host& host);

  // True when SRAT rows decided; false when one node owns everything.
  [[nodiscard]] bool from_firmware() const { return from_firmware_; }
  // A bit for each node that has memory or CPUs.
  [[nodiscard]] std::uint64_t online_mask() const { return memory_mask_ | cpu_mask_; }
  [[nodiscard]] std::uint64_t memory_mask() const { return memory_mask_; }
  [[nodiscard]] std::uint64_t cpu_mask() const { return cpu_mask_; }
  // The same and each node that the firmware keeps an address range for: memory may come there.
  [[nodiscard]] std::uint64_t possible_mask() const { return online_mask() | firmware_mask_; }
  // One more than the highest possible node.
  [[nodiscard]] unsigned node_count() const { return fls(possible_mask()); }
  [[nodiscard]] std::uint8_t distance(NodeId from, NodeId to) const;
  // How long a CPU of `from` waits for memory of `to`: as much longer as the distance is larger.
  [[nodiscard]] std::uint64_t access_ns(NodeId from, NodeId to) const {
    return std::uint64_t{local_access_ns_} * distance(from, to) / kLocalDistance;
  }
  // The node of each CPU, by CPU number; one CPU at least.
  [[nodiscard]] std::span<const NodeId> cpu_nodes() const { return cpu_nodes_; }
  [[nodiscard]] std::span<const NodeBlock> blocks() const { return blocks_.span(); }
  // Nodes in the firmware's table of distances; 0 when there is none or it is not used.
  [[nodiscard]] unsigned distance_table_nodes() const { return table_nodes_; }

 private:
  struct Context {
    const Sources& sources;
    Memblock& memblock;
    Host& host;
  };
  Result<void> check_numbers(const Context& context) const;
  Result<bool> use_affinity(const Context& context);
  Result<void> read_rows(const Context& context);
  void use_distances(const Context& context);
  void keep_blocks_with_memory(const Context& context);
  bool join_blocks(Host& host);
  [[nodiscard]] bool may_join(const NodeBlock& a, const NodeBlock& b) const;
  [[nodiscard]] bool cover_memory(const Context& context) const;
  Result<void> assign_memory(const Context& context);
  Result<void> spare_kernel_nodes(const Context& context);
  Result<void> use_one_node(const Context& context);
  Result<void> place_cpus(const MachineSpec& spec);

  Arena& arena_;
  ArenaVector<NodeBlock> blocks_;
  std::span<NodeId> cpu_nodes_;
  std::uint64_t memory_mask_ = 0;
  std::uint64_t cpu_mask_ = 0;
  std::uint64_t firmware_mask_ = 0;
  unsigned table_nodes_ = 0;
  std::uint32_t local_access_ns_ = 0;
  bool from_firmware_ = false;
  std::array<std::uint8_t, std::size_t{kMaxNodes} * kMaxNodes> table_{};
};

// The pages of `range` that are RAM.
PageCount memory_pages_in(const Memblock& memblock, PhysRange range);

}  // namespace quire
