// What the kernel takes before its page allocator exists, in the order in which it takes it.
#include "boot/boot_log.hpp"
#include "boot/firmware_map.hpp"
#include "boot/first_chunk.hpp"
#include "boot/landmarks.hpp"
#include "boot/reservations.hpp"
#include "boot/sections.hpp"

namespace quire {
namespace {

// Sizes of 6.1's structures on x86-64, as its boot log shows them.
constexpr Bytes kNodeData = kib(172);                // pglist_data
constexpr Bytes kSectionUsage{56};                   // mem_section_usage, with the pageblock bits
constexpr Bytes kSectionEntry{16};                   // mem_section
constexpr Bytes kBounceBuffer = mib(64);             // swiotlb
constexpr Bytes kBounceSlot{24};                     // io_tlb_slot, one for each 2 KiB of it
constexpr Bytes kFirmwareRow{128};                   // firmware_map_entry
constexpr Bytes kHashBucket{8};
constexpr Bytes kLogBuffer = kib(128);  // the one in the kernel image
constexpr Bytes kLogOfCpu = kib(4);     // what each further CPU may add to it
constexpr Bytes kLogRecord{24 + 88};    // descriptor and info, one for each 32 bytes
constexpr Bytes kHuge = mib(2);
// Below this Linux does not boot: such machines get a memory map of the pages present only.
constexpr PageCount kTiny = whole_pages(mib(64));

constexpr Bytes round_up(Bytes size, Bytes unit) {
  return unit * ((size + unit - Bytes{1}) / unit);
}

class KernelUse {
 public:
  KernelUse(const KernelUseSources& sources, Memblock& memblock, Host& host)
      : sources_(sources), memblock_(memblock), host_(host) {}

  Result<void> take() {
    take_node_data();
    QUIRE_TRY(take_memory_map());
    take_small_tables();
    take_percpu();
    take_hash_tables();
    take_bounce_buffer();
    return {};
  }

 private:
  // Anything but the memory map is done without where it does not fit.
  bool take(const MemblockRequest& request) { return memblock_.allocate(request).has_value(); }
  void take_pages(std::uint64_t count, NodeId node = kNoNode) {
    if (count != 0) take({.size = kPageSize * count, .alignment = kPageSize, .node = node});
  }
  [[nodiscard]] PhysAddr end_of_ram() const { return address_of(sources_.layout.max_pfn); }
  [[nodiscard]] bool is_64_bit() const { return sources_.spec.arch != ArchProfile::kX86_32; }

  void take_node_data() {
    const unsigned nodes = sources_.numa.distance_table_nodes();
    if (nodes != 0) take({.size = Bytes{std::uint64_t{nodes} * nodes}, .alignment = kPageSize});
    for (const NodeLayout& node : sources_.layout.nodes)
      if (node.possible) take({.size = kNodeData, .node = node.id});
  }

  Result<void> take_memory_map() {
    if (sources_.layout.present < kTiny || sources_.spec.memory_model != MemoryModel::kSparse)
      return take_flat_maps();
    const PageCount section = section_pages(sources_.spec.arch);
    const std::uint64_t per_root = kPageSize / kSectionEntry;
    const std::uint64_t addressable =
        (address_limit(sources_.spec.arch) - PhysAddr{0}) / size_of(section);
    take({.size = Bytes{8 * (addressable / per_root)}});
    std::uint64_t next_root = 0;
    bool fits = true;
    for_each_section_run(sources_.layout.ranges, section, [&](const SectionRun& run) {
      for (std::uint64_t root = max_of(next_root, run.first / per_root);
           root <= (run.first + run.count - 1) / per_root; ++root) {
        take_pages(1, run.node);
        next_root = root + 1;
      }
      fits = fits && take_map_of(run, section);
    });
    if (!fits) return Errno::kNoMemory;
    return {};
  }

  // Whole sections, in 2 MiB pieces so that they can be mapped by huge entries.
  bool take_map_of(const SectionRun& run, PageCount section) {
    const Bytes each = round_up(map_entry_size(sources_.spec) * section.raw(), kHuge);
    const Bytes size = each * run.count;
    take({.size = kSectionUsage * run.count, .node = run.node});
    const MemblockRequest huge{.size = size,
                               .alignment = kHuge,
                               .min = address_of(kDmaEnd),
                               .max = {},
                               .node = run.node,
                               .exact_node = true};
    if (!take(huge) && !take_section_maps(run, each)) return refuse(run.node, size);
    const Bytes from = each * run.first;
    const Bytes to = from + size;
    take_pages(
        new_tables(from, to, gib(1), mapped_small_) + new_tables(from, to, gib(512), mapped_large_),
        run.node);
    return true;
  }

  // A section's map at a time, where no place is large enough for all.
  bool take_section_maps(const SectionRun& run, Bytes each) {
    bool fits = true;
    for (std::uint64_t i = 0; fits && i < run.count; ++i)
      fits = take({.size = each, .alignment = kHuge, .node = run.node}) ||
             take({.size = each, .alignment = kPageSize, .node = run.node});
    return fits;
  }

  // How many page tables with a reach of `reach` the map needs from its offset `from` to `to`.
  // They are made in ascending order: those before `done` are there.
  static std::uint64_t new_tables(Bytes from, Bytes to, Bytes reach, std::uint64_t& done) {
    const std::uint64_t first = max_of(done, from / reach);
    const std::uint64_t end = (to - Bytes{1}) / reach + 1;
    if (end <= first) return 0;
    done = end;
    return end - first;
  }

  // One array for each node (DISCONTIGMEM) or for all (FLATMEM), of entries for what it spans.
  Result<void> take_flat_maps() {
    const bool flat = sources_.spec.memory_model == MemoryModel::kFlat;
    for (const NodeLayout& node : sources_.layout.nodes) {
      PageCount pages = node.span.length();
      if (sources_.layout.present < kTiny)
        pages = node.present;
      else if (flat)
        pages = node.id == sources_.layout.ranges.front().node ? sources_.layout.max_pfn - Pfn{0}
                                                               : PageCount{0};
      if (!pages) continue;
      const Bytes size = map_entry_size(sources_.spec) * pages.raw();
      if (take({.size = size, .alignment = kPageSize, .node = node.id})) continue;
      refuse(node.id, size);
      return Errno::kNoMemory;
    }
    return {};
  }

  // Says that a node's memory map does not fit.
  bool refuse(NodeId node, Bytes size) {
    LogLine(host_)
        ->str("node ")
        .dec(index_of(node))
        .str(": no room for a memory map of ")
        .dec(size.raw())
        .str(" bytes");
    return false;
  }

  void take_small_tables() {
    take_pages(3);
    take({.size = kPageSize + kFirmwareRow * sources_.spec.firmware_map.size()});
    take_log_buffer();
  }

  // Many CPUs have more to say at boot than the buffer in the image holds.
  void take_log_buffer() {
    const Bytes more = kLogOfCpu * (sources_.numa.cpu_nodes().size() - 1);
    if (more <= kLogBuffer / 2) return;
    const Bytes size{std::bit_ceil((more + kLogBuffer).raw())};
    take({.size = size});
    take({.size = kLogRecord * (size / Bytes{32})});
  }

  // CPUs of a node share pieces of 2 MiB; what is between their units stays free.
  void take_percpu() {
    const FirstChunk chunk = FirstChunk::plan(sources_.numa);
    for (const NodeLayout& node : sources_.layout.nodes) {
      std::uint64_t cpus = 0;
      for (const NodeId home : sources_.numa.cpu_nodes()) cpus += home == node.id ? 1 : 0;
      for (std::uint64_t units; cpus != 0; cpus -= units) {
        units = min_of(cpus, chunk.units_a_piece);
        take_percpu_piece(units, chunk.unit, node.id);
      }
    }
  }

  void take_percpu_piece(std::uint64_t units, Bytes unit, NodeId node) {
    const auto base = memblock_.allocate({.size = FirstChunk::kPiece,
                                          .alignment = FirstChunk::kPiece,
                                          .min = address_of(kDmaEnd),
                                          .max = {},
                                          .node = node});
    if (!base.has_value()) {
      const MemblockRequest packed{
          .size = FirstChunk::kUsed * units, .alignment = kPageSize, .node = node};
      if (!take(packed)) host_.log("percpu: no room for the first chunk");
      return;
    }
    PhysAddr at = *base;
    for (const PhysAddr end = at + FirstChunk::kPiece; at < end; at += unit) {
      const PhysAddr used = units == 0 ? at : at + FirstChunk::kUsed;
      if (memblock_.free({used, at + unit}).has_value() && units != 0) --units;
    }
  }

  // With memory on several nodes these tables come later, from the page allocator.
  void take_hash_tables() {
    if (std::popcount(sources_.numa.memory_mask()) != 1) return;
    take_hash_table("Dentry cache", 13);
    take_hash_table("Inode-cache", 14);
  }

  // A bucket for each 2^scale bytes, fewer on machines beyond 64 GiB.
  void take_hash_table(std::string_view name, unsigned scale) {
    PageCount pages;
    for (const NodeLayout& node : sources_.layout.nodes)
      for (const ZoneType zone : zones_of(sources_.spec.arch))
        if (zone != ZoneType::kHighMem) pages += node.zones[index_of(zone)].first_guess;
    const PageCount most = whole_pages(size_of(pages) / 16);
    for (Bytes size = gib(64); is_64_bit() && size < size_of(pages); size = size * 4) ++scale;
    const Bytes counted = round_up(size_of(pages), mib(1));
    std::uint64_t buckets = max_of(counted.raw() >> scale, kPageSize / kHashBucket);
    buckets = min_of(std::bit_ceil(buckets), std::bit_floor(size_of(most) / kHashBucket));
    const Bytes size = kHashBucket * buckets;
    if (!size || !take({.size = size})) return;
    const unsigned order = fls(pages_to_hold(size).raw() - 1);
    LogLine(host_)
        ->str(name)
        .str(" hash table entries: ")
        .dec(buckets)
        .str(" (order: ")
        .dec(order)
        .str(", ")
        .dec(size.raw())
        .str(" bytes, linear)");
  }

  // For devices that reach 4 GiB only, on machines with RAM above, now or added later.
  [[nodiscard]] bool wants_bounce_buffer() const {
    const PhysAddr reach = address_of(kDma32End);
    bool wanted = end_of_ram() > reach || sources_.options.value_or("swiotlb", "") == "force";
    for (const AffinityRange& row : sources_.spec.affinity) wanted |= row.range.end > reach;
    return is_64_bit() && wanted;
  }

  void take_bounce_buffer() {
    if (!wants_bounce_buffer()) return;
    const MemblockRequest buffer{.size = kBounceBuffer,
                                 .alignment = kPageSize,
                                 .min = {},
                                 .max = address_of(kDma32End)};
    if (!take(buffer)) {
      host_.log("software IO TLB: Cannot allocate buffer");
      return;
    }
    take({.size = kBounceSlot * (kBounceBuffer / kib(2)), .alignment = kPageSize});
  }

  const KernelUseSources& sources_;
  Memblock& memblock_;
  Host& host_;
  std::uint64_t mapped_small_ = 0;  // page tables of the memory map, by reach, made so far
  std::uint64_t mapped_large_ = 0;
};

}  // namespace

Result<void> reserve_tables(const KernelUseSources& sources, Memblock& memblock, Host& host) {
  return KernelUse(sources, memblock, host).take();
}

}  // namespace quire
