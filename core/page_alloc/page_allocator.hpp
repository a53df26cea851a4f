// The page allocator: hands out and takes back power-of-two blocks of page frames.
//
// Units       Orders are log2 pages.
// Ownership   A block belongs to whoever asked for it until its last reference is dropped. Freeing
//             names the same order, unless the block is compound or was split.
// Locking     Callers run on a CPU of the machine (Arch::current()) and hold no spinlock. Order 0
//             to 3 and 9 go through the CPU's own set; the rest takes the zone's lock.
// Errors      allocate() gives null when the request cannot be met, after the report that Linux
//             prints (unless __GFP_NOWARN). A bad free is reported and the block leaked.
// Cost        docs/PERFORMANCE.md. What Linux's path does is done: watermarks, gfp, counters.
// Source      Documentation/core-api/memory-allocation.rst, admin-guide/mm/concepts.rst.
#pragma once

#include <array>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/debug.hpp"
#include "page_alloc/helpers.hpp"
#include "page_alloc/mobility.hpp"
#include "page_alloc/per_cpu_sets.hpp"
#include "page_alloc/request.hpp"
#include "page_alloc/watermark_check.hpp"
#include "zone/zone.hpp"

namespace quire {

class PageAllocator {
 public:
  struct Parts {
    Host& host;
    MemoryMap& map;
    Nodes& nodes;
    const Tunables& tunables;
    PageDebug& debug;
    AllocHelpers& helpers;
  };
  explicit PageAllocator(const Parts& parts);

  // A block of 2^order pages from the zones of `node`'s zonelist that `gfp` allows.
  [[nodiscard]] Page* allocate(Gfp gfp, Order order, NodeId node);
  // The same from the current CPU's node.
  [[nodiscard]] Page* allocate(Gfp gfp, Order order) {
    return allocate(gfp, order, Arch::current()->node);
  }
  // One page, without a call where the CPU's own set has one.
  [[nodiscard]] Page* allocate_page(Gfp gfp, NodeId node);
  // The same from zones of `nodes` only.
  [[nodiscard]] Page* allocate_from(NodeMask nodes, Gfp gfp, Order order, NodeId node);
  // Fills empty slots of `pages` with single pages; returns how many slots are filled then. What
  // is wanted as one batch comes from one zone.
  std::size_t allocate_bulk(Gfp gfp, NodeId node, std::span<Page*> pages);

  // The same where the CPU's own set has all of them at hand; false, and nothing done, elsewhere.
  [[nodiscard]] bool allocate_ready(Gfp gfp, NodeId node, std::span<Page*> pages);

  // The shortest path looks zones up in a table, and leaves to longer ones what is hooked: call
  // after zonelists were (re)built.
  Result<void> reserve_routes(Arena& arena);
  void build_routes();

  // Tells `sink` what happens from now on; null: no longer. No other CPU allocates or frees
  // meanwhile.
  void listen(TraceSink* sink) {
    debug_.trace().set_sink(sink);
    build_routes();
  }

  // Asks `failures` about each request from now on; null: no longer. The same holds.
  void fail_by(AllocFailures* failures) {
    debug_.set_failures(failures);
    build_routes();
  }

  // Drops a reference; with the last one the block of 2^order pages is free.
  void free(Page& page, Order order);

  void free_page(Page& page);
  // Each of them, in this order.
  void free_pages(std::span<Page* const> pages);

  // Makes 2^order single pages, each with a reference of its own, of a block that is not compound.
  void split(Page& page, Order order);

  // Hands whole pages of a zone over for the first time (boot, hot-add), ascending; movable.
  void release(Zone& zone, PfnRange pages);

  // Gives a CPU's pages back to their zones; any CPU may do that to any other.
  void drain(Zone& zone, CpuId cpu);
  void drain_cpu(CpuId cpu);
  void drain_all();

  // Moves the single pages that a CPU has at hand to its lists: for whoever reads those.
  void settle(Zone& zone, CpuId cpu);

  [[nodiscard]] Buddy& buddy() { return buddy_; }
  [[nodiscard]] Mobility& mobility() { return mobility_; }
  [[nodiscard]] MemoryMap& map() const { return map_; }
  [[nodiscard]] Nodes& nodes() const { return nodes_; }
  [[nodiscard]] PageDebug& debug() const { return debug_; }
  [[nodiscard]] Host& host() const { return host_; }

 private:
  friend class SlowPath;

  // The first zone of a request, by node and the zone bits of its gfp mask, and where in it stands
  // how many pages must stay free.
  struct Route {
    Zone* zone;
    const Setting* low;
  };
  static constexpr unsigned kRoutesPerNode = 16;
  static std::uint32_t route_of(Gfp gfp, NodeId node) {
    return index_of(node) * kRoutesPerNode | (raw(gfp) & 15);
  }

  [[nodiscard]] AllocRequest prepare(Gfp gfp, Order order, NodeId node, NodeMask nodes) const;
  Page* allocate_block_fast(Gfp gfp, Order order, NodeId node);
  Page* allocate_warm(Gfp gfp, NodeId node);
  [[gnu::noinline]] Page* allocate_whole(Gfp gfp, Order order, NodeId node, const void* caller);
  Page* allocate_with(AllocRequest& request);
  Page* allocate_slow(AllocRequest& request);
  Page* get_page_from_freelist(const AllocRequest& request, AllocFlags flags);
  Page* take_from(Zone& zone, const AllocRequest& request, AllocFlags flags);
  PageIndex take_from_set(Zone& zone, const AllocRequest& request, AllocFlags flags);
  PageIndex take_from_buddy(Zone& zone, const AllocRequest& request, AllocFlags flags);
  std::size_t take_bulk_from(Zone& zone, const AllocRequest& request, std::span<Page*> pages);
  Page& hand_out(Zone& zone, PageIndex index, const AllocRequest& request);
  void count_allocation(std::byte* area, const Zone& zone, const AllocRequest& request,
                        std::uint64_t times) const;
  [[nodiscard]] AllocFlags first_flags(const AllocRequest& request) const;

  std::size_t free_ready(std::span<Page* const> pages);
  void free_block_fast(Page& page, Order order);
  void free_elsewhere(Page& page);
  void free_checked(Page& page, Order order, const void* caller);
  void free_all_but_first(Page& page, Order order, const void* caller);
  void free_block(Page& page, Order order, const void* caller);
  void free_to_zone(Zone& zone, PageIndex index, Order order);

  Host& host_;
  MemoryMap& map_;
  Nodes& nodes_;
  PageDebug& debug_;
  AllocHelpers& helpers_;
  Buddy buddy_;
  Mobility mobility_;
  PerCpuSets sets_;
  std::array<ZoneType, 16> highest_zone_{};  // by the zone bits of a gfp mask
  Zone nowhere_;                             // the route of a request that no zone may serve
  // Hot paths' own copies of what does not change while the machine lives.
  Route* routes_ = nullptr;
  std::uint32_t plain_word_ = 0;             // of a page that the shortest path may take back
  PageArray array_;
  PageblockTypes pageblocks_;
};

}  // namespace quire
