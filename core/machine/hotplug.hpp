// Memory that comes and goes while the machine runs: added as offline memory blocks, brought online
// into a zone, taken offline when no page of them is in use, removed.
//
// Ranges    Whole memory blocks. add() and remove() take several, online() and offline() one.
// Nodes     A possible node comes online with its first memory, and goes with its last if it has no
//           CPUs.
// Caches    Give back the slabs that they keep empty when memory goes offline.
// Room      Memory that the firmware's affinity rows announce as hot-pluggable, up to 1 TiB.
// Locking   One change at a time; others wait. While zonelists are rebuilt, because a zone gets its
//           first pages or loses its last, no other CPU allocates.
// Errors    kInvalid: not whole blocks, no such node, holes, several zones. kExists, kNoEntry: some
//           of it is there, or is not. kNoSpace: no room. kBusy: pages are in use, or the memory
//           to be removed is online. kNotSupported: no SPARSEMEM. Nothing has changed then.
// Source    Documentation/admin-guide/mm/memory-hotplug.rst; a recorded run of onlining and
//           offlining (tests/oracle/captures/hotplug-1g).
#pragma once

#include <atomic>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/pagetable.hpp"
#include "procfs/procfs.hpp"
#include "slab/slab.hpp"
#include "zone/zone.hpp"

namespace quire {

class Hotplug final : public MemoryHotplug {
 public:
  struct Parts {
    Host& host;
    MemoryMap& map;
    Nodes& nodes;
    BootPlan& plan;
    PageAllocator& pages;
    Sysctls& sysctls;
    Knobs& knobs;
    KernelTables& kernel_tables;
    SlabCaches& slabs;
    PageCount block;  // none: memory does not come and go on this machine
  };
  explicit Hotplug(const Parts& parts) : parts_(parts) {}

  // Sections that may be added to those present, by what firmware says.
  static std::uint32_t room(const MachineSpec& spec);

  // Online at once where /sys/devices/system/memory/auto_online_blocks says so.
  Result<void> add(NodeId node, PfnRange range);
  Result<void> remove(PfnRange range);

  [[nodiscard]] bool is_online(PfnRange block) const override;
  [[nodiscard]] ZoneType default_zone(PfnRange block) const override;
  Result<void> online(PfnRange block, OnlineTo to) override;
  Result<void> offline(PfnRange block) override;

 private:
  class Turn;

  Result<void> check_range(PfnRange range) const;
  Result<void> add_sections(NodeId node, PfnRange range);
  Result<void> add_section(NodeId node, SectionId section);
  void drop_sections(PfnRange range);
  [[nodiscard]] bool has_memory(const Node& node) const;
  void set_online(Node& node, bool online);
  Result<void> online_in_turn(PfnRange block, OnlineTo to);
  Result<void> offline_in_turn(PfnRange block);
  [[nodiscard]] ZoneType zone_for(PfnRange block, OnlineTo to) const;
  [[nodiscard]] Zone* home_of(SectionId section) const;
  [[nodiscard]] Zone* zone_of_block(PfnRange block) const;
  [[nodiscard]] bool in_zone(SectionId section, const Zone& zone) const;
  [[nodiscard]] PfnRange span_without(const Zone& zone, PfnRange gone) const;
  void grow(Zone& zone, PfnRange block);
  void shrink(Zone& zone, PfnRange block);
  void update_node_span(Node& node) const;
  void rebuild_zonelists();
  void recompute();

  Parts parts_;
  std::atomic<bool> busy_ = false;
};

}  // namespace quire
