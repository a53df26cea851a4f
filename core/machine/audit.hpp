// Whether a machine's books balance: every page of every zone is in exactly one state, and every
// count, list, limit and threshold agrees with what it stands for.
//
//   frames    of what boot gave to the page allocator each page is in one block: free, in a
//             per-CPU set, in use, or leaked after a report; the rest is reserved or no memory
//   lists     each block on the list of its zone, order and type, linked both ways, aligned, not
//             beside a free buddy; nr_free and NR_FREE_PAGES are what the lists hold
//   sets      counts are what lists and hot pages hold; no limit lets a set outgrow `high`
//   owners    page_owner, where it is on, knows who has each block in use, and nobody of the rest
//   slabs     machine/slab_audit.hpp
//   tables    machine/table_audit.hpp
//   rules     watermarks and protection follow from tunables, thresholds from those; zonelists
//             name each populated zone once
//   mmu       windows onto high memory are mapped as their books say; no CPU can use a stale
//             translation (machine/mmu.hpp)
//   processes machine/process_audit.hpp, once there are any
//   per-CPU   pages of per-CPU memory beyond the first chunk have a frame of each CPU, and no
//             others do (PercpuFrames::audit)
//
// Locking  Nobody uses the machine meanwhile. Locks are taken as their annotations ask.
// Errors   kFault: the first thing that is wrong is in the sink, in plain words, a line. Pages in
//          per-CPU sets may then still carry the audit's mark: the machine is not to go on.
// Cost     Follows what was touched: a run of free blocks is one step, reserved memory none. Blocks
//          below the largest order are looked through page by page.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "machine/slab_audit.hpp"
#include "machine/table_audit.hpp"
#include "memmap/memmap.hpp"
#include "vmalloc/vmalloc.hpp"
#include "zone/zone.hpp"

namespace quire {

class Audit {
 public:
  struct Parts {
    Host& host;
    MemoryMap& map;
    Nodes& nodes;
    const Tunables& tunables;
    const BootPlan& plan;
    SlabCaches& slabs;
    const VmallocSpace& vmalloc;
    KernelTables& kernel_tables;
    const PageOwners& owners;
    std::uint64_t bad_pages;  // blocks that may have been leaked
  };
  Audit(const Parts& parts, TextSink& report)
      : parts_(parts),
        text_(report),
        slabs_({parts.map, parts.nodes, parts.slabs}, text_),
        tables_({parts.map, parts.kernel_tables, parts.plan}, text_) {}

  Result<void> run();

 private:
  // What one zone's pages were found to be.
  struct Tally {
    std::uint64_t listed_free = 0;     // pages on free lists, by walking those
    std::uint64_t isolated = 0;        // of these, pages that may not be allocated
    std::uint64_t sets_blocks = 0;     // in per-CPU sets, by walking those
    std::uint64_t free = 0;            // pages on free lists, by walking frames
    std::uint64_t idle_blocks = 0;     // in per-CPU sets, by walking frames
    std::uint64_t idle_pages = 0;      // of these, and of blocks that were leaked
    std::uint64_t used = 0;
    std::uint64_t highatomic = 0;      // pageblocks
  };
  // In Page::mapping of a page found in a per-CPU set, until its frame is come by.
  static constexpr std::uint64_t kSeen = ~std::uint64_t{0};
  struct Link {
    PageIndex previous;
    PageIndex index;
  };

  Result<void> check_zone(Zone& zone);
  Result<void> check_sums(const Zone& zone, const Tally& tally);

  Result<void> check_free_lists(Zone& zone, Tally& tally) QUIRE_REQUIRES(zone.lock);
  Result<std::uint64_t> walk_free_list(const Zone& zone, Order order, MigrateType type)
      QUIRE_REQUIRES(zone.lock);
  Result<void> check_free_block(const Zone& zone, PageIndex index, Order order);
  Result<void> check_run(const Zone& zone, PageIndex index, Order order);
  Result<void> check_link(const Zone& zone, Link link);

  Result<void> check_sets(Zone& zone, Tally& tally);
  Result<void> check_set(const Zone& zone, PerCpuPages& set, Tally& tally)
      QUIRE_REQUIRES(set.lock);
  Result<std::uint64_t> walk_set_list(const Zone& zone, const PageList& list, unsigned number);
  Result<void> check_set_page(const Zone& zone, PageIndex index, unsigned list);
  Result<void> check_hot_pages(const Zone& zone, const HotPages& hot, unsigned type);
  Result<void> check_limits(const Zone& zone, PerCpuPages& set) QUIRE_REQUIRES(set.lock);

  Result<void> check_frames(Zone& zone, Tally& tally);
  Result<void> walk_frames(const Zone& zone, PfnRange range, Tally& tally);
  Result<std::uint64_t> check_frame(const Zone& zone, Pfn pfn, Tally& tally);
  Result<void> check_slab_pages(const Zone& zone, Pfn head);
  Result<void> check_owner(const Zone& zone, Pfn head, Order order);
  Result<void> check_unowned(const Zone& zone, Pfn head, std::uint64_t pages);
  Result<void> check_interior(const Zone& zone, Pfn head, Order order);
  void count_pageblocks(const Zone& zone, PfnRange range, Tally& tally);

  Result<void> check_watermarks(const Zone& zone);
  Result<void> check_protection(const Node& node, const Zone& zone);
  Result<void> check_fast_low(const Zone& zone);
  Result<void> check_counters(const Zone& zone);
  Result<void> check_zonelists(const Node& node);
  Result<void> check_zonelist(const Node& node, const Zonelist& list, bool own_only);

  // Writes the finding and gives the error to return.
  template <class... Words>
  Errno broken(const Zone& zone, const Words&... words) {
    text_.str("node ").dec(index_of(zone.node)).str(", zone ").str(name_of(zone.type)).str(": ");
    return broken_words(words...);
  }
  template <class... Words>
  Errno broken(const Node& node, const Words&... words) {
    text_.str("node ").dec(index_of(node.id)).str(": ");
    return broken_words(words...);
  }
  template <class... Words>
  Errno broken_words(const Words&... words) {
    (put(words), ...);
    text_.nl();
    return Errno::kFault;
  }
  void put(std::string_view word) { text_.str(word); }
  void put(std::uint64_t value) { text_.dec(value); }
  void put(std::int64_t value) { text_.sdec(value); }
  void put(unsigned value) { text_.dec(value); }
  void put(std::int32_t value) { text_.sdec(value); }
  void put(Pfn pfn) { text_.str("pfn ").dec(pfn.raw()); }
  void put(PageIndex index) { put(parts_.map.pfn_of(index)); }
  void put(Order order) { text_.str("order ").dec(order.raw()); }
  void put(MigrateType type) { text_.str(name_of(type)); }

  const Parts parts_;
  Text text_;
  SlabAudit slabs_;
  TableAudit tables_;
  std::uint64_t leaked_ = 0;  // blocks, in all zones
};

}  // namespace quire
