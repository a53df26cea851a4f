#include <fmt/format.h>

#include "tools/oracle/buddy_state.hpp"

namespace quire::oracle {
namespace {

using Put = std::expected<void, std::string>;

class StatePutter {
 public:
  StatePutter(Machine& machine, Zone& zone, const ZoneState& state)
      : machine_(machine), zone_(zone), state_(state), image_(machine.pages(), zone) {}

  Put run() {
    if (Put put = put_blocks(); !put) return put;
    if (Put put = put_lists(); !put) return put;
    for (const auto& [cpu, pcp] : state_.cpus)
      if (Put put = put_cpu(cpu, pcp); !put) return put;
    return put_fields();
  }

 private:
  [[nodiscard]] std::int64_t field(const char* name) const { return state_.fields.at(name); }

  Put misfit(std::uint64_t pfn, unsigned order) const {
    return std::unexpected(fmt::format(
        "zone {}: the log has a block of order {} at {:x} that is outside the zone's memory, not "
        "aligned, or there twice",
        state_.name, order, pfn));
  }

  Put put_blocks() {
    for (std::size_t i = 0; i < state_.blocks.size(); ++i) {
      if (state_.blocks[i] == '-') continue;
      const Pfn pfn{state_.blocks_start + i * kPageblockPages.raw()};
      const MigrateType type = type_of_digit(static_cast<unsigned>(state_.blocks[i] - '0'));
      if (!image_.set_pageblock(pfn, type).has_value()) {
        return std::unexpected(fmt::format("zone {}: no memory map here for the pageblock at {:x}",
                                           state_.name, pfn.raw()));
      }
    }
    return {};
  }

  Put put_lists() {
    for (const auto& [id, pfns] : state_.lists)
      for (const std::uint64_t pfn : pfns)
        if (!image_.add_free({Pfn{pfn}, Order{id.order}, id.type}).has_value())
          return misfit(pfn, id.order);
    return {};
  }

  Put put_cpu(unsigned cpu, const PcpState& state) {
    const Nodes& nodes = machine_.nodes();
    if (cpu >= nodes.cpu_count()) {
      return std::unexpected(
          fmt::format("the log has a CPU {}, the machine has {} CPUs", cpu, nodes.cpu_count()));
    }
    const CpuId id{static_cast<std::uint16_t>(cpu)};
    for (const auto& [index, entries] : state.lists) {
      const Order order = order_of_pcp_list(index);
      for (const PcpState::Entry& entry : entries)
        if (!image_.add_per_cpu(id, index, {Pfn{entry.pfn}, order, entry.type}).has_value())
          return misfit(entry.pfn, order.raw());
    }
    PerCpuZone& own = nodes.percpu(zone_, id);
    const auto number = [&](const char* name) {
      return static_cast<std::int32_t>(state.fields.at(name));
    };
    own.pages.batch.store(number("batch"), std::memory_order_relaxed);
    own.pages.lock.claim(*Arch::current()->host);
    own.pages.free_factor = static_cast<std::uint8_t>(number("free_factor"));
    own.pages.high.store(number("high"), std::memory_order_relaxed);
    const std::int32_t count = own.pages.count();
    own.pages.set_limits();
    own.pages.lock.release();
    own.diffs[index_of(ZoneItem::kNrFreePages)].set(number("nr_free_diff"));
    zone_.stat_threshold.set(number("stat_threshold"));
    if (count == number("count")) return {};
    return std::unexpected(
        fmt::format("zone {}: the lists of CPU {} hold {} pages, its count is {}", state_.name, cpu,
                    count, number("count")));
  }

  Put put_fields() {
    const auto types = zones_of(machine_.nodes().arch());
    if (state_.lowmem_reserve.size() != types.size()) {
      return std::unexpected(fmt::format("zone {}: lowmem_reserve has {} numbers, expected {}",
                                         state_.name, state_.lowmem_reserve.size(), types.size()));
    }
    for (std::size_t i = 0; i < types.size(); ++i)
      zone_.lowmem_reserve[index_of(types[i])].set(state_.lowmem_reserve[i]);
    zone_.watermark[index_of(Watermark::kMin)].set(field("min"));
    zone_.watermark[index_of(Watermark::kLow)].set(field("low"));
    zone_.watermark[index_of(Watermark::kHigh)].set(field("high"));
    zone_.watermark_boost.set(field("boost"));
    zone_.nr_reserved_highatomic.set(field("highatomic"));
    zone_.percpu_drift_mark.set(field("drift_mark"));
    zone_.flags.store(static_cast<std::uint32_t>(field("flags")), std::memory_order_relaxed);
    zone_.managed.store(static_cast<std::uint64_t>(field("managed")), std::memory_order_relaxed);
    zone_.stat[index_of(ZoneItem::kNrFreePages)].store(field("nr_free"), std::memory_order_relaxed);
    zone_.refresh_fast_low();
    return {};
  }

  Machine& machine_;
  Zone& zone_;
  const ZoneState& state_;
  ZoneImage image_;
};

}  // namespace

Zone* zone_of(Machine& machine, const ZoneState& state) {
  const NodeId node{static_cast<std::uint16_t>(state.node)};
  if (!machine.nodes().is_online(node)) return nullptr;
  for (const ZoneType type : zones_of(machine.nodes().arch()))
    if (name_of(type) == state.name) return &machine.nodes().node(node).zone(type);
  return nullptr;
}

Put put_state(Machine& machine, const ZoneState& state) {
  Zone* const zone = zone_of(machine, state);
  if (zone == nullptr || !zone->populated()) {
    return std::unexpected(
        fmt::format("the machine has no zone {} on node {}, the log has", state.name, state.node));
  }
  return StatePutter(machine, *zone, state).run();
}

}  // namespace quire::oracle
