// The audit of what follows from tunables, and of the orders in which zones are asked.
#include <limits>

#include "machine/audit.hpp"

namespace quire {

namespace {

struct Marks {
  std::uint64_t min;
  std::uint64_t gap;

  [[nodiscard]] std::int64_t at(unsigned mark) const {
    return static_cast<std::int64_t>(min + gap * mark);
  }
};

// What a zone of `managed` of all `lowmem` pages gets.
Marks marks_for(const Tunables& tunables, const Zone& zone, PageCount managed, PageCount lowmem) {
  const std::uint64_t pages = managed.raw();
  const std::uint64_t share =
      lowmem.raw() == 0 ? 0 : tunables.min_free_kbytes / 4 * pages / lowmem.raw();
  const bool token = zone.type == ZoneType::kHighMem;
  return {.min = token ? clamp_to<std::uint64_t>(pages / 1024, 32, 128) : share,
          .gap = max_of(share / 4, mult_frac(pages, tunables.watermark_scale_factor, 10000))};
}

}  // namespace

// Memory that came free after watermarks were computed may not be in them, as in Linux.
Result<void> Audit::check_watermarks(const Zone& zone) {
  PageCount lowmem;
  parts_.nodes.for_each_populated([&](const Zone& other) {
    if (other.type != ZoneType::kHighMem) lowmem += PageCount{other.managed_pages()};
  });
  PageCount late;
  for (const LateFreed& freed : parts_.plan.late_freed()) late += freed.range.length();
  const PageCount managed{zone.managed_pages()};
  const PageCount early = managed - min_of(late, managed);
  const Marks least = marks_for(parts_.tunables, zone, early, lowmem);
  const Marks most = marks_for(parts_.tunables, zone, managed, lowmem - min_of(late, lowmem));
  for (unsigned mark = 0; mark < kWatermarks; ++mark) {
    const std::int64_t value = zone.watermark[mark].get();
    if (value < least.at(mark) || value > most.at(mark))
      return broken(zone, "watermark ", mark, " is ", value, " instead of ", most.at(mark));
  }
  if (zone.watermark_boost.get() < 0)
    return broken(zone, "the watermark boost is ", zone.watermark_boost.get());
  return {};
}

// Memory that came free after protection was computed is not in it, as in Linux.
Result<void> Audit::check_protection(const Node& node, const Zone& zone) {
  const unsigned own = index_of(zone.type);
  const std::uint64_t ratio = parts_.tunables.lowmem_reserve_ratio[own];
  std::uint64_t above = 0;
  for (unsigned z = 0; z < kZoneTypes; ++z) {
    if (z > own) above += node.zones[z].managed_pages();
    const bool none = z <= own || ratio == 0;
    const auto most = static_cast<std::int64_t>(none ? 0 : above / ratio);
    const std::int64_t reserve = zone.lowmem_reserve[z].get();
    const std::int64_t least = none ? 0 : zone.lowmem_reserve[z - 1].get();
    if (reserve < least || reserve > most)
      return broken(zone, "protection against ", name_of(static_cast<ZoneType>(z)), " is ",
                    reserve, ", not from ", least, " to ", most);
  }
  return {};
}

Result<void> Audit::check_fast_low(const Zone& zone) {
  const bool whole_path = zone.hooked || zone.has(ZoneFlag::kBoostedWatermark);
  for (unsigned z = 0; z < kZoneTypes; ++z) {
    const std::int64_t parts = zone.watermark_pages(Watermark::kLow) +
                               zone.nr_reserved_highatomic.get() + zone.lowmem_reserve[z].get();
    const std::int64_t expected =
        whole_path ? std::numeric_limits<std::int64_t>::max() : parts;
    if (zone.fast_low[z].get() != expected)
      return broken(zone, "fast_low of ", name_of(static_cast<ZoneType>(z)), " is ",
                    zone.fast_low[z].get(), " instead of ", expected);
  }
  return {};
}

// No CPU runs further ahead of a shared counter than the threshold.
Result<void> Audit::check_counters(const Zone& zone) {
  const std::int64_t threshold = zone.stat_threshold.get();
  for (unsigned c = 0; c < parts_.nodes.cpu_count(); ++c) {
    PerCpuZone& own = parts_.nodes.percpu(zone, CpuId{static_cast<std::uint16_t>(c)});
    for (unsigned item = 0; item < own.diffs.size(); ++item) {
      const std::int64_t kept = own.diffs[item].read();
      if (kept < -threshold || kept > threshold)
        return broken(zone, "CPU ", c, " keeps ", kept, " of ",
                      name_of(static_cast<ZoneItem>(item)), " to itself, over the threshold ",
                      threshold);
    }
  }
  return {};
}

Result<void> Audit::check_zonelists(const Node& node) {
  QUIRE_TRY(check_zonelist(node, node.fallback, false));
  QUIRE_TRY(check_zonelist(node, node.own, true));
  if (node.fallback_length == 0 || node.fallback_order[0] != node.id)
    return broken(node, "its own fallback order does not begin with it");
  return {};
}

Result<void> Audit::check_zonelist(const Node& node, const Zonelist& list, bool own_only) {
  std::uint64_t expected = 0;
  parts_.nodes.for_each_populated([&](const Zone& zone) {
    expected += !own_only || zone.node == node.id;
  });
  std::uint64_t count = 0;
  const ZoneRef* ref = list.refs.data();
  for (const ZoneRef* before = nullptr; ref->zone != nullptr; before = ref++, ++count) {
    if (count == expected) return broken(node, "a zonelist names more zones than there are");
    if (!ref->zone->populated() || ref->type != ref->zone->type)
      return broken(*ref->zone, "a zonelist of node ", index_of(node.id), " names it wrongly");
    for (const ZoneRef* other = list.refs.data(); other != ref; ++other)
      if (other->zone == ref->zone)
        return broken(*ref->zone, "a zonelist of node ", index_of(node.id), " names it twice");
    const bool same_node = before != nullptr && before->zone->node == ref->zone->node;
    if (same_node && before->type <= ref->type)
      return broken(node, "a zonelist names lower zones before higher ones");
  }
  if (count != expected)
    return broken(node, "a zonelist names ", count, " zones, but ", expected, " are populated");
  for (unsigned highest = 0; highest < kZoneTypes; ++highest) {
    const ZoneRef* first = list.refs.data();
    while (first->zone != nullptr && index_of(first->type) > highest) ++first;
    if (list.first[highest] != first)
      return broken(node, "a zonelist's first zone up to ",
                    name_of(static_cast<ZoneType>(highest)), " is another one");
  }
  return {};
}

}  // namespace quire
