// Rows that several files are made of.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "procfs/sources.hpp"

namespace quire {

// "nr_free_pages 123".
inline void show_count(Text& out, std::string_view name, std::uint64_t count) {
  out.str(name).ch(' ').dec(count).nl();
}

// "Node 0, zone    DMA32": how rows of buddyinfo and zoneinfo begin.
inline void show_zone_name(Text& out, const Zone& zone) {
  out.str("Node ").dec(index_of(zone.node)).str(", zone ").right(name_of(zone.type), {8});
}

// Numbers as the kernel lists them: "0-3,5".
class NumberList {
 public:
  explicit NumberList(Text& out) : out_(out) {}
  // `number` is greater than any before.
  void add(std::uint64_t number);
  void end();
  // The same, and of the line.
  void finish();

 private:
  void show_run();

  Text& out_;
  std::uint64_t first_ = 0;
  std::uint64_t count_ = 0;  // of the run from first_ on
  bool any_ = false;         // a run has been shown
};

// Calls visit(zone type) for the zones that the machine's kernel has.
template <class Visit>
void for_each_zone_type(const ProcSources& from, Visit visit) {
  for (const ZoneType type : zones_of(from.nodes.arch())) visit(type);
}

template <class Item, class Visit>
void for_each_item(Visit visit) {
  for (unsigned i = 0; i < kCountOf<Item>; ++i) visit(static_cast<Item>(i));
}

}  // namespace quire
