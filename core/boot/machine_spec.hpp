// What a machine is, before it boots: everything that firmware, boot loader and command line tell
// a kernel. Whoever boots a machine fills one in (the machine file's reader, an importer, a test).
//
// Ownership  All spans and strings are borrowed until the boot has returned.
// Units      Ranges are half-open byte ranges [start, end).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "boot/zone_type.hpp"

namespace quire {

enum class MemoryModel : std::uint8_t { kFlat, kDiscontig, kSparse };

// The types of the firmware's map; values are the firmware's (e820).
enum class FirmwareType : std::uint32_t {
  kUsable = 1,
  kReserved = 2,
  kAcpiData = 3,
  kAcpiNvs = 4,
  kUnusable = 5,
  kPersistent = 7,
};

struct FirmwareRange {
  PhysRange range;
  FirmwareType type = FirmwareType::kUsable;
};

// One memory row of the SRAT: this range is local to `node`.
struct AffinityRange {
  PhysRange range;
  NodeId node{};
  bool hotpluggable = false;
};

// With 32 bits the kernel's fixed addresses have room for the windows of so many CPUs.
inline constexpr std::size_t kMaxCpus32 = 54;

// A part of the kernel image. What is `freed` goes to the page allocator at the end of the boot,
// after watermarks and protection have been computed (init sections, gaps between sections).
struct KernelRange {
  PhysRange range;
  std::string_view name;  // "Kernel code", "Kernel data", ... as /proc/iomem shows; else empty
  bool freed = false;
};

// How many pages of a zone the page allocator manages once booted, where that is known. Without
// it the boot's own reservations decide.
struct ManagedPages {
  NodeId node{};
  ZoneType zone{};
  PageCount managed;
};

struct SysctlSetting {
  std::string_view name;  // "vm.swappiness"
  std::string_view value;
};

// What Debian's kernel configuration decides and a machine cannot show by itself.
struct KernelProfile {
  Bytes memmap_bytes{64};        // sizeof(struct page) where reservations are computed
  bool init_on_alloc = true;     // every page is cleared as it is allocated
  bool init_on_free = false;
  bool page_poisoning = false;   // free pages carry a pattern that is checked at allocation
  bool page_owner = false;       // who allocated each page is recorded
  bool debug_tlbflush = false;   // vmstat shows the nr_tlb_ counters
  bool panic_on_warn = false;    // a caller's error stops the machine
  bool vma_locks = false;        // faults take their VMA's lock, not mmap_lock (newer than 6.1)
  bool frame_content = false;    // init_on_*, poisoning act on frames (always on native and bare)
};

// One translation cache of a CPU: as many entries in sets of `ways`; entries / ways is 2^n.
struct TlbSize {
  std::uint16_t entries;
  std::uint16_t ways;
};

// The translation caches of each CPU, where they are modelled (on sim). The sizes are those of the
// server CPUs of Linux 6.1's time.
struct TlbSpec {
  bool modelled = false;
  bool check = kDebugBuild;  // each hit is compared with the tables
  bool asids = true;         // translations of several address spaces side by side (PCID)
  TlbSize small{64, 4};      // 4 KiB, first level
  TlbSize second{1536, 12};  // 4 KiB, second level
  TlbSize large{32, 4};      // 2 MiB, or 4 MiB with two levels of tables
  TlbSize giant{4, 4};       // 1 GiB
};

struct MachineSpec {
  ArchProfile arch = ArchProfile::kX86_64;
  MemoryModel memory_model = MemoryModel::kSparse;
  std::span<const FirmwareRange> firmware_map;
  std::span<const AffinityRange> affinity;  // empty: one node owns everything
  std::span<const NodeId> cpu_nodes;        // the node of each CPU, by CPU number
  std::span<const std::uint8_t> distances;  // SLIT rows, nodes x nodes; empty: 10 and 20
  std::uint32_t local_access_ns = 100;      // what an access to memory of the own node takes
  std::span<const KernelRange> kernel_image;
  PhysRange initrd{};
  bool gib_pages = false;                   // the CPUs map 1 GiB by one entry (pdpe1gb)
  std::string_view command_line;
  std::span<const SysctlSetting> sysctl;    // applied when booted, in order
  std::span<const ManagedPages> managed;
  KernelProfile profile;
  TlbSpec tlb;
};

}  // namespace quire
