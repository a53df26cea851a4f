#include "tools/oracle/buddy_state.hpp"

namespace quire::oracle {
namespace {

// The blocks of one list from front to back; a run of blocks reads as its blocks.
std::vector<std::uint64_t> blocks_on(const MemoryMap& map, const PageList& list, Order order) {
  std::vector<std::uint64_t> pfns;
  for (PageIndex at = list.front(); at != PageIndex::kNone; at = PageIndex{map.at(at).next}) {
    const Page& page = map.at(at);
    const std::uint32_t blocks = order.raw() == Order::kMax ? page.run_blocks : 1;
    for (std::uint32_t i = 0; i < std::max(blocks, 1u); ++i)
      pfns.push_back(map.pfn_of(at).raw() + i * order.pages().raw());
  }
  return pfns;
}

PcpState read_cpu(Machine& machine, const Zone& zone, unsigned cpu) {
  PerCpuZone& own = machine.nodes().percpu(zone, CpuId{static_cast<std::uint16_t>(cpu)});
  const MemoryMap& map = machine.map();
  PcpState state;
  machine.pages().settle(machine.nodes().zone_of(PageWord(zone.page_bits, Order{0}, {})),
                         CpuId{static_cast<std::uint16_t>(cpu)});
  own.pages.lock.claim(*Arch::current()->host);
  for (unsigned index = 0; index < kPcpLists; ++index) {
    PageIndex at = own.pages.lists[index].front();
    for (; at != PageIndex::kNone; at = PageIndex{map.at(at).next})
      state.lists[index].push_back({map.pfn_of(at).raw(), map.at(at).list_type});
  }
  state.fields["count"] = own.pages.count();
  state.fields["free_factor"] = own.pages.free_factor;
  own.pages.lock.release();
  state.fields["high"] = own.pages.high.load(std::memory_order_relaxed);
  state.fields["batch"] = own.pages.batch.load(std::memory_order_relaxed);
  state.fields["nr_free_diff"] = own.diffs[index_of(ZoneItem::kNrFreePages)].read();
  state.fields["stat_threshold"] = zone.stat_threshold.get();
  return state;
}

std::string read_blocks(const MemoryMap& map, const Zone& zone) {
  std::string blocks;
  for (Pfn pfn = zone.span.start.align_down(kPageblockPages); pfn < zone.span.end;
       pfn += kPageblockPages) {
    const Page* const page = map.page_of(pfn);
    blocks += page == nullptr
                  ? '-'
                  : static_cast<char>('0' + digit_of(map.pageblock_type(map.index_of(*page))));
  }
  return blocks;
}

}  // namespace

ZoneState read_state(Machine& machine, Zone& zone) {
  ZoneState state;
  state.name = name_of(zone.type);
  state.node = index_of(zone.node);
  const auto put = [&](const char* name, auto value) {
    state.fields[name] = static_cast<std::int64_t>(value);
  };
  put("start_pfn", zone.span.start.raw());
  put("spanned", zone.span.length().raw());
  put("present", zone.present.raw());
  put("managed", zone.managed_pages());
  put("min", zone.watermark[index_of(Watermark::kMin)].get());
  put("low", zone.watermark[index_of(Watermark::kLow)].get());
  put("high", zone.watermark[index_of(Watermark::kHigh)].get());
  put("boost", zone.watermark_boost.get());
  put("highatomic", zone.nr_reserved_highatomic.get());
  put("flags", zone.flags.load(std::memory_order_relaxed));
  put("drift_mark", zone.percpu_drift_mark.get());
  put("nr_free", zone.free_pages());
  for (const ZoneType type : zones_of(machine.nodes().arch()))
    state.lowmem_reserve.push_back(zone.lowmem_reserve[index_of(type)].get());
  {
    const SpinGuard guard(zone.lock);
    for (unsigned order = 0; order < kOrderCount; ++order) {
      state.nr_free[order] = zone.free_area[order].nr_free;
      for (unsigned type = 0; type < kMigrateTypes; ++type) {
        auto pfns = blocks_on(machine.map(), zone.free_area[order].lists[type], Order{order});
        if (!pfns.empty())
          state.lists[{order, static_cast<MigrateType>(type)}] = std::move(pfns);
      }
    }
    state.blocks = read_blocks(machine.map(), zone);
  }
  state.blocks_start = zone.span.start.align_down(kPageblockPages).raw();
  for (unsigned cpu = 0; cpu < machine.nodes().cpu_count(); ++cpu)
    state.cpus[cpu] = read_cpu(machine, zone, cpu);
  return state;
}

}  // namespace quire::oracle
