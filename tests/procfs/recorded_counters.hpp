// How a RecordedMachine takes its counters out of vmstat and the two kinds of meminfo.
#pragma once

#include <functional>

#include "tests/procfs/recorded_state.hpp"

namespace quire::test {

inline Zone& first_populated(const Nodes& nodes, const Node* of = nullptr) {
  Zone* found = nullptr;
  nodes.for_each_populated([&](Zone& zone) {
    if (found == nullptr && (of == nullptr || zone.node == of->id)) found = &zone;
  });
  return *found;
}

inline void RecordedMachine::take_vmstat() {
  clear_counters();
  Zone& zone = first_populated(nodes);
  Node& node = nodes.node(zone.node);
  const Numbers numbers = numbers_of(recorded("vmstat"));
  for (const auto& [name, value] : numbers) {
    if (const auto item = item_named<ZoneItem>(name)) set(zone, *item, value);
    if (const auto item = item_named<NodeItem>(name)) set(node, *item, value);
    if (const auto item = item_named<NumaItem>(name)) {
      const std::uint64_t now = [&] {
        std::uint64_t sum = 0;
        for (const Node& each : nodes.all()) sum += node_numa_state(nodes, each, *item);
        return sum;
      }();
      nodes.percpu(zone, CpuId{0}).numa[index_of(*item)].add(value - now);
    }
  }
  // What per-CPU sets add by themselves is taken off.
  const auto count_up_to = [&](VmEvent event, std::uint64_t value) {
    count(event, value - event_count(nodes, event));
  };
  for (const VmEventRow& row : vm_event_rows()) {
    if (!row.per_zone) {
      // Those of TLB flushes are printed by kernels that count them.
      const auto found = numbers.find(std::string(row.name));
      if (found != numbers.end()) count_up_to(row.event, found->second);
      continue;
    }
    for (const ZoneType type : zones_of(nodes.arch())) {
      std::string name(row.name);
      for (const char c : name_of(type)) name += static_cast<char>(std::tolower(c));
      count_up_to(for_zone(row.event, type), numbers.at(name));
    }
  }
}

// Rows in kB to the counters that they show.
inline const std::map<std::string, NodeItem>& meminfo_items() {
  static const std::map<std::string, NodeItem> kItems = {
      {"SwapCached", NodeItem::kNrSwapcached},
      {"Active(anon)", NodeItem::kNrActiveAnon},
      {"Inactive(anon)", NodeItem::kNrInactiveAnon},
      {"Active(file)", NodeItem::kNrActiveFile},
      {"Inactive(file)", NodeItem::kNrInactiveFile},
      {"Unevictable", NodeItem::kNrUnevictable},
      {"Dirty", NodeItem::kNrDirty},
      {"Writeback", NodeItem::kNrWriteback},
      {"FilePages", NodeItem::kNrFilePages},
      {"Cached", NodeItem::kNrFilePages},
      {"Mapped", NodeItem::kNrMapped},
      {"AnonPages", NodeItem::kNrAnonPages},
      {"Shmem", NodeItem::kNrShmem},
      {"PageTables", NodeItem::kNrPageTablePages},
      {"SecPageTables", NodeItem::kNrSecPageTablePages},
      {"SReclaimable", NodeItem::kNrSlabReclaimable},
      {"SUnreclaim", NodeItem::kNrSlabUnreclaimable},
      {"AnonHugePages", NodeItem::kNrAnonTransparentHugepages},
      {"ShmemHugePages", NodeItem::kNrShmemHugepages},
  };
  return kItems;
}

inline void take_row(const std::vector<std::string>& words, Zone& zone, Node& node) {
  const std::string name = without(words[0], ":");
  const std::uint64_t kib = std::stoull(words[1]);
  const auto found = meminfo_items().find(name);
  if (found != meminfo_items().end()) BootedParts::set(node, found->second, kib / 4);
  if (name == "KernelStack") BootedParts::set(node, NodeItem::kNrKernelStack, kib);
  if (name == "MemFree") BootedParts::set(zone, ZoneItem::kNrFreePages, kib / 4);
  if (name == "Mlocked") BootedParts::set(zone, ZoneItem::kNrMlock, kib / 4);
}

inline void RecordedMachine::take_meminfo() {
  clear_counters();
  Zone& zone = first_populated(nodes);
  for (const std::string& line : lines_of(recorded("meminfo")))
    take_row(words_of(line), zone, nodes.node(zone.node));
  const Numbers numbers = numbers_of(recorded("meminfo"));
  const auto pages = [&](const char* name) { return PageCount{numbers.at(name) / 4}; };
  figures.committed.add(pages("Committed_AS:"));
  figures.vmalloc_used = pages("VmallocUsed:");
  figures.percpu = pages("Percpu:");
  figures.direct_map.pages[0] = numbers.at("DirectMap4k:") / 4;
  figures.direct_map.pages[1] = numbers.at("DirectMap2M:") / 2048;
  figures.gib_pages = numbers.contains("DirectMap1G:");
  if (figures.gib_pages) figures.direct_map.pages[2] = numbers.at("DirectMap1G:") >> 20;
}

inline void RecordedMachine::take_node_meminfo(Node& node) {
  clear_counters();
  if (!node.has_memory()) return;
  const std::string file = "node" + std::to_string(index_of(node.id)) + "_meminfo";
  for (const std::string& line : lines_of(recorded(file))) {
    const auto words = words_of(line);
    take_row({words.begin() + 2, words.end()}, first_populated(nodes, &node), node);
  }
}

}  // namespace quire::test
