#include "boot/boot_plan.hpp"

#include "boot/boot_log.hpp"
#include "boot/first_chunk.hpp"
#include "boot/landmarks.hpp"
#include "boot/zone_sizes.hpp"

namespace quire {
namespace {

constexpr PhysRange kPageZero{PhysAddr{0}, PhysAddr{0} + kPageSize};
constexpr PhysRange kBiosArea{PhysAddr{0xa0000}, PhysAddr{0x100000}};
// As many pages as the memory map has indices for (docs/PAGE_LAYOUT.md).
constexpr Bytes kMostRam = gib(16 << 10);

void log_last_pfn(Pfn last, ArchProfile arch, Host& host) {
  LogLine(host)
      ->str("last_pfn = 0x")
      .hex(last.raw())
      .str(" max_arch_pfn = 0x")
      .hex(pfn_down(address_limit(arch)).raw());
}

struct Ends {
  Pfn all, low;
};
void log_high_memory(const Ends& ends, Host& host) {
  const auto mib_of = [](PageCount pages) { return in_kib(pages) >> 10; };
  LogLine(host)->dec(mib_of(ends.all - ends.low)).str("MB HIGHMEM available.");
  LogLine(host)->dec(mib_of(ends.low - Pfn{0})).str("MB LOWMEM available.");
}

}  // namespace

Result<BootPlan*> BootPlan::make(const MachineSpec& spec, Arena& arena, Host& host) {
  QUIRE_TRY_ASSIGN(plan, arena.make<BootPlan>(NodeId{0}, arena, host));
  const Result<void> outcome = plan->run(spec);
  if (outcome.has_value()) return plan;
  LogLine(host)->str("boot failed: ").str(name_of(outcome.error()));
  return outcome.error();
}

Result<void> BootPlan::run(const MachineSpec& spec) {
  if (spec.arch == ArchProfile::kX86_32 && spec.cpu_nodes.size() > kMaxCpus32) {
    LogLine(host_)->str("x86_32 runs on at most ").dec(kMaxCpus32).str(" CPUs, not on ")
        .dec(spec.cpu_nodes.size());
    return Errno::kInvalid;
  }
  QUIRE_TRY(read_command_line(spec.command_line));
  QUIRE_TRY(read_firmware_map(spec));
  QUIRE_TRY(settle_firmware_map(spec.arch));
  QUIRE_TRY(find_memory(spec));
  QUIRE_TRY(map_directly(spec));
  QUIRE_TRY(find_nodes(spec));
  QUIRE_TRY(size_zones(spec));
  QUIRE_TRY(take_kernel_memory(spec));
  memblock_.retire();
  return resources_.init(map_, spec.kernel_image, host_);
}

Result<void> BootPlan::read_command_line(std::string_view text) {
  QUIRE_TRY_ASSIGN(copy, copy_text(text, arena_));
  options_ = CommandLine(copy);
  LogLine(host_)->str("Command line: ").str(copy);
  return {};
}

Result<void> BootPlan::read_firmware_map(const MachineSpec& spec) {
  for (const FirmwareRange& row : spec.firmware_map) {
    if (row.range.empty()) {
      LogLine(host_)
          ->str("e820: row at 0x")
          .hex(row.range.start.raw(), kFullDigits)
          .str(" is empty or ends before it begins: left out");
      continue;
    }
    QUIRE_TRY(map_.add(row));
  }
  QUIRE_TRY(map_.sanitise());
  host_.log("BIOS-provided physical RAM map:");
  map_.log(host_, "BIOS-e820");
  for (const FirmwareRange& row : map_.entries())
    if (row.type == FirmwareType::kUsable) QUIRE_TRY(memblock_.add_physmem(row.range));
  QUIRE_TRY_ASSIGN(by_user, apply_user_map(map_, options_, host_));
  if (!by_user) return {};
  host_.log("user-defined physical RAM map:");
  map_.log(host_, "user");
  return {};
}

// Takes back what firmware calls RAM and is not, or cannot be addressed.
Result<void> BootPlan::settle_firmware_map(ArchProfile arch) {
  QUIRE_TRY(map_.update(kPageZero, {FirmwareType::kUsable, FirmwareType::kReserved}, host_));
  QUIRE_TRY(map_.remove(kBiosArea, FirmwareType::kUsable, host_));
  QUIRE_TRY(map_.sanitise());
  const PhysRange beyond{address_limit(arch), PhysAddr{~std::uint64_t{0}}};
  bool any_beyond = false;
  for (const FirmwareRange& row : map_.entries())
    any_beyond |= row.type == FirmwareType::kUsable && row.range.end > beyond.start;
  if (any_beyond) QUIRE_TRY(map_.remove(beyond, FirmwareType::kUsable, host_));

  max_pfn_ = map_.end_of_ram(pfn_down(address_limit(arch)));
  log_last_pfn(max_pfn_, arch, host_);
  const Pfn low_end = pfn_down(limits_of(arch).low_memory_end);
  max_low_pfn_ = map_.end_of_ram(min_of(low_end, kFourGib));
  if (arch == ArchProfile::kX86_32)
    log_high_memory({max_pfn_, max_low_pfn_}, host_);
  else if (max_low_pfn_ < max_pfn_)
    log_last_pfn(max_low_pfn_, arch, host_);
  return {};
}

Result<void> BootPlan::find_memory(const MachineSpec& spec) {
  for (const FirmwareRange& row : map_.entries()) {
    if (row.type != FirmwareType::kUsable) continue;
    if (options_.memblock_debug()) {
      LogLine line(host_);
      line->str("memblock_add: [0x").hex(row.range.start.raw(), kFullDigits);
      line->str("-0x").hex(row.range.end.raw() - 1, kFullDigits).ch(']');
    }
    QUIRE_TRY(memblock_.add(row.range));
  }
  memblock_.trim_memory(kPageSize);
  if (memblock_.memory().cnt() == 0) {
    host_.log("no usable RAM in the firmware map");
    return Errno::kInvalid;
  }
  if (memblock_.memory().total_size() > kMostRam) {
    LogLine(host_)->str("memory map: ").dec(memblock_.memory().total_size().raw() >> 30)
        .str(" GiB of RAM, at most ").dec(kMostRam.raw() >> 30);
    return Errno::kRange;
  }
  memblock_.set_current_limit(limits_of(spec.arch).low_memory_end);
  memblock_.set_avoid_hotplug(options_.movable_node());
  QUIRE_TRY(reserve_placed(spec, memblock_));
  if (options_.memblock_debug()) memblock_.dump(host_);
  return {};
}

Result<void> BootPlan::map_directly(const MachineSpec& spec) {
  const Pfn end = spec.arch == ArchProfile::kX86_32 ? max_low_pfn_ : max_pfn_;
  const DirectMapSources sources{spec, options_, max_pfn_, end};
  QUIRE_TRY_ASSIGN(plan, plan_direct_map(sources, memblock_, arena_, host_));
  direct_map_ = plan;
  return {};
}

Result<void> BootPlan::find_nodes(const MachineSpec& spec) {
  QUIRE_TRY(numa_.init({spec, options_, max_pfn_}, memblock_, host_));
  if (options_.memblock_debug()) memblock_.dump(host_);
  return {};
}

Result<void> BootPlan::size_zones(const MachineSpec& spec) {
  const ZoneSources sources{spec, options_, memblock_, numa_};
  QUIRE_TRY_ASSIGN(ranges, node_ranges(memblock_, arena_));
  QUIRE_TRY_ASSIGN(layout, make_layout(sources, ranges, arena_, host_));
  layout_ = layout;
  log_layout(layout_, sources, host_);
  return {};
}

Result<void> BootPlan::take_kernel_memory(const MachineSpec& spec) {
  QUIRE_TRY_ASSIGN(freed, find_late_freed(spec, memblock_, arena_));
  late_freed_ = freed;
  FirstChunk::plan(numa_).log(numa_, spec.arch, host_);
  const KernelUseSources sources{spec, options_, numa_, layout_};
  if (!spec.managed.empty())
    QUIRE_TRY(reserve_to_match(sources, late_freed_, memblock_, host_));
  else
    QUIRE_TRY(reserve_tables(sources, memblock_, host_));
  const Pfn low_end = spec.arch == ArchProfile::kX86_32 ? max_low_pfn_ : max_pfn_;
  QUIRE_TRY_ASSIGN(tables, find_image_tables(
                               {spec, direct_map_, late_freed_, low_end}, memblock_, arena_));
  image_tables_ = tables;
  kernel_image_ = kernel_extent(spec);
  if (options_.memblock_debug()) memblock_.dump(host_);
  return {};
}

PageCount BootPlan::managed_in(NodeId node, ZoneType zone) const {
  if (index_of(node) >= layout_.nodes.size()) return PageCount{0};
  const ZonePages pages{node, layout_.nodes[index_of(node)].zones[index_of(zone)].span};
  return free_pages_in(memblock_, pages) + late_pages_in(late_freed_, memblock_, pages);
}

}  // namespace quire
