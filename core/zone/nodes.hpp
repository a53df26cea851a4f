// All nodes and zones of one machine, its CPUs' per-CPU areas, and the counters across them.
//
// Ownership  Made once at boot from the Layout; nodes and zones never move.
// Cost       Sums over CPUs and zones are for /proc readers and slow paths.
#pragma once

#include <array>
#include <span>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "zone/node.hpp"

namespace quire {

class Nodes {
 public:
  // Nodes and zones with their spans and present pages; no zone manages a page yet.
  Result<void> init(Arena& arena, ArchProfile arch, const NumaInfo& numa, const Layout& layout);

  [[nodiscard]] std::span<Node> all() const { return nodes_; }
  [[nodiscard]] Node& node(NodeId id) const {
    QUIRE_DEBUG_ASSERT(index_of(id) < nodes_.size());
    return nodes_.data()[index_of(id)];
  }
  [[nodiscard]] bool is_online(NodeId id) const {
    return index_of(id) < nodes_.size() && nodes_[index_of(id)].online;
  }
  [[nodiscard]] bool is_possible(NodeId id) const {
    return index_of(id) < nodes_.size() && nodes_[index_of(id)].possible;
  }
  [[nodiscard]] unsigned online_count() const;
  [[nodiscard]] ArchProfile arch() const { return arch_; }
  // The zone that the first page of a block names.
  [[nodiscard]] Zone& zone_of(PageWord word) const {
    QUIRE_DEBUG_ASSERT(word.zone() < zone_by_number_.size());
    return *zone_by_number_.data()[word.zone()];
  }

  [[nodiscard]] unsigned cpu_count() const { return static_cast<unsigned>(cpu_nodes_.size()); }
  [[nodiscard]] unsigned cpu_count(NodeId id) const;
  [[nodiscard]] NodeId node_of(CpuId cpu) const { return cpu_nodes_[index_of(cpu)]; }
  [[nodiscard]] PercpuArea& percpu_areas() { return areas_; }
  [[nodiscard]] const PercpuArea& percpu_areas() const { return areas_; }
  [[nodiscard]] std::byte* percpu_area(CpuId cpu) const { return areas_.of(cpu); }
  [[nodiscard]] PerCpuZone& percpu(const Zone& zone, CpuId cpu) const {
    return percpu_at<PerCpuZone>(percpu_area(cpu), zone.percpu_offset);
  }

  // Pages under management, of every zone.
  [[nodiscard]] std::uint64_t managed_pages() const;
  // Whether there are as many; looks at no more zones than it needs.
  [[nodiscard]] bool has_managed(PageCount pages) const;

  // Visits every zone that has pages, in order of node and zone.
  template <class Visitor>
  void for_each_populated(Visitor&& visit) const {
    for (Node& node : nodes_)
      for (Zone& zone : node.zones)
        if (zone.populated()) visit(zone);
  }

 private:
  Result<void> make_percpu_areas(Arena& arena);

  ArchProfile arch_{};
  std::span<Node> nodes_;
  std::span<Zone*> zone_by_number_;
  std::span<NodeId> cpu_nodes_;
  PercpuArea areas_;
};

}  // namespace quire
