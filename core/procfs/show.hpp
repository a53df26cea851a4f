// One function for the text of each file, or of each kind of file.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "procfs/sources.hpp"

namespace quire {

void show_zoneinfo(const ProcSources& from, Text& out);
void show_buddyinfo(const ProcSources& from, Text& out);
void show_pagetypeinfo(const ProcSources& from, Text& out);
void show_meminfo(const ProcSources& from, Text& out);
void show_vmstat(const ProcSources& from, Text& out);
void show_vmallocinfo(const ProcSources& from, Text& out);
void show_iomem(const ProcSources& from, Text& out);

// /sys/kernel/debug/page_owner; page_owner is on.
void show_page_owner(const ProcSources& from, Text& out);

// /sys/devices/system/node and, for an online node, its directory.
void show_online_nodes(const ProcSources& from, Text& out);
void show_possible_nodes(const ProcSources& from, Text& out);
void show_nodes_with_cpus(const ProcSources& from, Text& out);
void show_nodes_with_memory(const ProcSources& from, Text& out);
void show_nodes_with_normal_memory(const ProcSources& from, Text& out);
void show_nodes_with_high_memory(const ProcSources& from, Text& out);
void show_nodes_with_initiators(const ProcSources& from, Text& out);
void show_node_meminfo(const ProcSources& from, const Node& node, Text& out);
void show_node_numastat(const ProcSources& from, const Node& node, Text& out);
void show_node_vmstat(const ProcSources& from, const Node& node, Text& out);
void show_node_distance(const ProcSources& from, const Node& node, Text& out);
void show_node_cpumap(const ProcSources& from, const Node& node, Text& out);
void show_node_cpulist(const ProcSources& from, const Node& node, Text& out);

// A memory block: what /sys/devices/system/memory can take offline at once.
struct MemoryBlock {
  std::uint64_t number;
  PfnRange pages;
};
// Whether there is RAM in the block.
bool has_memory_block(const ProcSources& from, const MemoryBlock& block);
// One more than the highest number that a block can have.
std::uint64_t memory_block_limit(const ProcSources& from);
MemoryBlock memory_block(const ProcSources& from, std::uint64_t number);

void show_block_size(const ProcSources& from, Text& out);
void show_block_state(const ProcSources& from, const MemoryBlock& block, Text& out);
void show_block_online(const ProcSources& from, const MemoryBlock& block, Text& out);
void show_block_number(const ProcSources& from, const MemoryBlock& block, Text& out);
void show_block_device(const ProcSources& from, const MemoryBlock& block, Text& out);
void show_block_removable(const ProcSources& from, const MemoryBlock& block, Text& out);
void show_block_zones(const ProcSources& from, const MemoryBlock& block, Text& out);

// What is written to a block's state ("online_movable") and online ("1") files.
Result<void> write_block_state(const ProcSources& from, const MemoryBlock& block,
                               std::string_view text);
Result<void> write_block_online(const ProcSources& from, const MemoryBlock& block,
                                std::string_view text);

void show_huge_page_size(const ProcSources& from, Text& out);

}  // namespace quire
