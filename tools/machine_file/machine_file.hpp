// A machine as a value, the TOML file that describes it, and the sources it can be imported from.
//
// Ownership  A MachineFile owns everything it says. spec() borrows from it: what it returned holds
//            until the MachineFile is changed, moved from or gone.
// Units      Ranges are half-open byte ranges in memory. In a file an end is the last byte that
//            belongs to the range, as Linux prints ranges. docs/MACHINE.md names every key.
// Locking    None. Two threads may read one MachineFile at once, but not call spec() on it.
// Errors     The first thing that could not be understood, as a ParseError. Nothing throws but
//            std::bad_alloc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "boot/boot.hpp"
#include "engine/cost_model.hpp"

namespace quire::machine_file {

inline constexpr std::size_t kMaxCpus = 8192;
// The highest address plus one that a range may end at: 52 bits, what x86-64 page tables can hold.
inline constexpr PhysAddr kMaxAddress{std::uint64_t{1} << 52};

// What was wrong, where. text() is the whole sentence:
// `m.toml:12: node[1].memory: expected a size such as "512M", found a boolean`.
struct ParseError {
  std::string file;
  std::size_t line = 0;  // counted from 1; 0: no line to name
  std::string key;       // "node[1].memory"; empty: the file as a whole
  std::string what;

  [[nodiscard]] std::string text() const;
};

template <class T>
using Parsed = std::expected<T, ParseError>;

// A part of the kernel image: quire::KernelRange with a name of its own.
struct ImageRange {
  PhysRange range{};
  std::string name;
  bool freed = false;
  bool operator==(const ImageRange&) const = default;
};

struct Sysctl {
  std::string name;  // "vm.swappiness", or the absolute path of a file under /sys
  std::string value;
  bool operator==(const Sysctl&) const = default;
};

// Kept for reclaim and swap: an area on a disk of the machine.
struct SwapArea {
  std::string name;
  Bytes size;
  std::string disk;             // the name of a Disk; empty: one of its own
  std::optional<int> priority;  // none: Linux counts down from -2
  bool operator==(const SwapArea&) const = default;
};

// Kept for block I/O.
struct Disk {
  std::string name;
  Bytes size;
  bool rotational = false;
  bool operator==(const Disk&) const = default;
};

// Mirrors quire::MachineSpec field by field.
class MachineFile {
 public:
  std::string name;
  ArchProfile arch = ArchProfile::kX86_64;
  MemoryModel memory_model = MemoryModel::kSparse;
  std::vector<FirmwareRange> firmware_map;
  std::vector<AffinityRange> affinity;
  std::vector<NodeId> cpu_nodes;  // the node of each CPU, by CPU number
  bool gib_pages = false;  // CPUs have pages of 1 GiB (pdpe1gb)
  TlbSpec tlb;
  CostModel cost;  // of programs that run on it
  std::vector<std::uint8_t> distances;
  std::uint32_t local_access_ns = MachineSpec{}.local_access_ns;
  // The image is one reservation from its first byte to its last; freed ranges lie within it, and
  // may lie within a named section.
  std::vector<ImageRange> kernel_image;
  PhysRange initrd{};  // freed late, unless the command line has retain_initrd
  std::string command_line;
  std::vector<Sysctl> sysctl;  // in order; names are unique
  std::vector<ManagedPages> managed;
  KernelProfile profile;
  std::vector<SwapArea> swap_areas;
  std::vector<Disk> disks;

  [[nodiscard]] MachineSpec spec() const;
  // One more than the highest node that memory, CPUs or distances name; at least 1.
  [[nodiscard]] std::size_t node_count() const;

  bool operator==(const MachineFile& other) const;

 private:
  // The core's views of strings owned above: rebuilt by spec(), no part of the value.
  mutable std::vector<KernelRange> image_views_;
  mutable std::vector<SysctlSetting> sysctl_views_;
};

// Reads a machine file; `text` is its content, `file` what errors call it.
[[nodiscard]] Parsed<MachineFile> read(const std::filesystem::path& path);
[[nodiscard]] Parsed<MachineFile> read_text(std::string_view text, std::string_view file);

// The canonical text: read_text(write_text(m)) == m for every m that a reader or importer returned.
[[nodiscard]] std::string write_text(const MachineFile& machine);
[[nodiscard]] Parsed<void> write(const MachineFile& machine, const std::filesystem::path& path);

// A directory with a capture: machine.json, dmesg (optional) and boot/zoneinfo (optional), of
// which only each zone's managed pages are read. Or a machine.json itself.
[[nodiscard]] Parsed<MachineFile> from_capture(const std::filesystem::path& path);
// A running Linux, by its /proc and /sys below `root`.
[[nodiscard]] Parsed<MachineFile> from_host(const std::filesystem::path& root = "/");
// The text of a boot log (dmesg), with or without time stamps.
[[nodiscard]] Parsed<MachineFile> from_boot_log(const std::filesystem::path& path);
// Whichever of the three `path` is; "" is this host.
[[nodiscard]] Parsed<MachineFile> import_machine(const std::filesystem::path& path);

}  // namespace quire::machine_file
