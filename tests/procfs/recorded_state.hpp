// How a RecordedMachine takes its numbers out of recorded files.
#pragma once

#include "tests/procfs/recorded_machine.hpp"

namespace quire::test {

inline Zone& RecordedMachine::zone_named(const std::string& node, const std::string& type) {
  Node& owner = nodes.all()[std::stoul(node)];
  for (Zone& zone : owner.zones)
    if (name_of(zone.type) == type) return zone;
  throw std::runtime_error("no zone " + type);
}

inline void RecordedMachine::take_pageset_row(Zone& zone, const std::vector<std::string>& words) {
  const auto value = static_cast<std::int32_t>(std::stol(words.back()));
  if (words[0] == "cpu:") cpu_ = static_cast<unsigned>(value);
  PerCpuPages& pages = nodes.percpu(zone, CpuId{static_cast<std::uint16_t>(cpu_)}).pages;
  if (words[0] == "count:") pages.listed = value;
  if (words[0] == "high:") pages.high = value;
  if (words[0] == "batch:") pages.batch = value;
  if (words[0] == "vm") zone.stat_threshold.set(value);
}

inline void RecordedMachine::take_zone_row(Zone& zone, const std::vector<std::string>& words) {
  Node& node = nodes.node(zone.node);
  const std::string& name = words[0];
  if (name == "protection:") {
    unsigned i = 0;
    for (const ZoneType type : zones_of(nodes.arch()))
      zone.lowmem_reserve[index_of(type)].set(std::stol(without(words[++i], "(),")));
    return;
  }
  if (name.ends_with(':') || name == "vm") return take_pageset_row(zone, words);
  const std::uint64_t value = std::stoull(words.back());
  const auto boost = zone.watermark_boost.get();
  const auto mark = static_cast<std::int64_t>(value) - boost;
  if (name == "boost") zone.watermark_boost.set(static_cast<std::int64_t>(value));
  if (name == "min") zone.watermark[index_of(Watermark::kMin)].set(mark);
  if (name == "low") zone.watermark[index_of(Watermark::kLow)].set(mark);
  if (name == "high") zone.watermark[index_of(Watermark::kHigh)].set(mark);
  if (name == "managed") zone.managed = value;
  if (const auto item = item_named<NodeItem>(name)) set(node, *item, value);
  if (const auto item = item_named<ZoneItem>(name)) set(zone, *item, value);
  if (const auto item = item_named<NumaItem>(name))
    nodes.percpu(zone, CpuId{0}).numa[index_of(*item)].add(value);
}

inline void RecordedMachine::take_zoneinfo() {
  Zone* zone = nullptr;
  for (const std::string& line : lines_of(recorded("zoneinfo"))) {
    const auto words = words_of(line);
    if (words[0] == "Node") zone = &zone_named(without(words[1], ","), words[3]);
    else if (words.size() > 1 && words[0] != "per-node") take_zone_row(*zone, words);
  }
  for (Node& node : nodes.all()) {
    std::int64_t reserve = 0;
    for (const Zone& each : node.zones) {
      std::int64_t most = 0;
      for (const Setting& protection : each.lowmem_reserve) most = std::max(most, protection.get());
      // Computed when nothing was boosted.
      reserve += std::min(most + each.watermark[index_of(Watermark::kHigh)].get(),
                          static_cast<std::int64_t>(each.managed_pages()));
    }
    node.totalreserve_pages.set(reserve);
  }
}

inline void RecordedMachine::take_buddyinfo() {
  for (const std::string& line : lines_of(recorded("buddyinfo"))) {
    const auto words = words_of(line);
    Zone& zone = zone_named(without(words[1], ","), words[3]);
    for (unsigned order = 0; order < kOrderCount; ++order)
      zone.free_area[order].nr_free = std::stoull(words[4 + order]);
  }
}

// Any pages of the machine do: the list is counted, not followed to its frames. Of the largest
// order they stand as runs.
inline void RecordedMachine::put_on_list(Zone& zone, MigrateType type, Order order,
                                         std::uint64_t blocks) {
  PageList& list = zone.free_area[order.raw()].lists[index_of(type)];
  const auto push = [&](std::uint32_t run) {
    const PageIndex index{++next_page_[&zone] + raw(map.index_of(*map.page_of(zone.span.start)))};
    map.at(index).run_blocks = run;
    list.push_back(map.array(), index);
  };
  if (order.raw() == Order::kMax && blocks > 2) {
    push(static_cast<std::uint32_t>(blocks - 2));
    blocks = 2;
  }
  for (; blocks != 0; --blocks) push(order.raw() == Order::kMax ? 1 : 0);
}

// Gives blocks that begin with RAM the types that are not movable.
inline void RecordedMachine::set_block_types(Zone& zone, const std::vector<std::string>& counts) {
  constexpr MigrateType kTypes[] = {MigrateType::kUnmovable, MigrateType::kReclaimable,
                                    MigrateType::kHighAtomic, MigrateType::kIsolate};
  Pfn pfn = zone.span.start;
  const auto next_block = [&] {
    for (;; pfn += kPageblockPages)
      for (const NodeRange& ram : plan().layout().ranges)
        if (ram.node == zone.node && ram.range.contains(pfn)) return pfn;
  };
  for (unsigned i = 0; i < 4; ++i) {
    for (auto left = std::stoull(counts[i == 0 ? 0 : i + 1]); left != 0; --left) {
      map.set_pageblock_type(map.index_of(*map.page_of(next_block())), kTypes[i]);
      pfn += kPageblockPages;
    }
  }
}

inline void RecordedMachine::take_pagetypeinfo() {
  constexpr MigrateType kTypes[] = {MigrateType::kUnmovable, MigrateType::kMovable,
                                    MigrateType::kReclaimable, MigrateType::kHighAtomic,
                                    MigrateType::kIsolate};
  for (const std::string& line : lines_of(recorded("pagetypeinfo"))) {
    const auto words = words_of(line);
    if (words.empty() || words[0] != "Node") continue;
    Zone& zone = zone_named(without(words[1], ","), without(words[3], ","));
    if (words[4] != "type") {
      set_block_types(zone, {words.begin() + 4, words.end()});
      continue;
    }
    for (const MigrateType type : kTypes)
      if (name_of(type) == words[5])
        for (unsigned order = 0; order < kOrderCount; ++order)
          put_on_list(zone, type, Order{order}, std::stoull(words[6 + order]));
  }
}

inline void RecordedMachine::clear_counters() {
  for (Node& node : nodes.all()) {
    for (auto& counter : node.stat) counter = 0;
    for (Zone& zone : node.zones)
      for (auto& counter : zone.stat) counter = 0;
  }
}

}  // namespace quire::test
