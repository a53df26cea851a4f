// The lists of pages in use by how recently: for each node inactive and active anonymous pages,
// inactive and active file pages, and those that must stay (unevictable).
//
//   add(page)      waits in a batch of its CPU, then goes to its list
//   put(page)      with the last reference off its list, and free
//
// Lists        A page is on one while it has kLru. Which one its flags say: kUnevictable, else anon
//              where it has kSwapBacked and file where not, active where it has kActive. The
//              unevictable ones are counted and not linked: nobody walks them.
// Batches      A CPU collects fifteen pages for each kind of move and makes them in one go, with a
//              reference to each until then. So lists and counters lag behind until drain_here()
//              or drain_all(), as Linux's do.
// Units        Counters are pages; a compound page counts all of its own.
// Ownership    Lists own no reference: put() takes a page off when nobody has one.
// Locking      Callers run on a CPU of the machine. add(), the moves, mlock(), munlock()
//              and try_drain_here() may come with spinlocks below LockRank::kLru held, the others
//              with none. A page's kLru, kActive and kUnevictable change under its node's lock, and
//              so does kSwapBacked of one on a list.
// Errors       None. A page that is freed in a bad state (locked, under write-back, mapped) is
//              reported by the page allocator and leaked.
// Source       Documentation/mm/unevictable-lru.rst, mm/page_reclaim; /proc/vmstat's rows.
#pragma once

#include <array>
#include <span>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/pagetable.hpp"
#include "zone/zone.hpp"

namespace quire {

enum class LruList : std::uint8_t {
  kInactiveAnon,
  kActiveAnon,
  kInactiveFile,
  kActiveFile,
  kUnevictable,
};
inline constexpr unsigned kLinkedLruLists = 4;
constexpr unsigned index_of(LruList list) { return static_cast<unsigned>(list); }

// The list that a page with this word is on, or would go to.
constexpr LruList lru_list_of(PageWord word) {
  if (word.has(PageFlag::kUnevictable)) return LruList::kUnevictable;
  const unsigned file = word.has(PageFlag::kSwapBacked) ? 0 : 2;
  return static_cast<LruList>(file + (word.has(PageFlag::kActive) ? 1 : 0));
}

class Lru final : public PageRelease {
 public:
  static constexpr std::uint32_t kBatchPages = 15;  // PAGEVEC_SIZE

  struct Parts {
    MemoryMap& map;
    Nodes& nodes;
    PageAllocator& pages;
  };
  explicit Lru(const Parts& parts) : parts_(parts) {}
  Lru(const Lru&) = delete;
  Lru& operator=(const Lru&) = delete;

  // Errors: kNoMemory.
  Result<void> init(Arena& arena);

  // `page` is on no list: to the front of its list, of kUnevictable if it has kMlocked. Before
  // others can find it and drop its last reference.
  void add(Page& page);

  // Drops a reference, or several. With the last one the page leaves its list, is made clean
  // (flags, the home of an anonymous page) and is freed.
  void put(Page& page, std::int32_t references = 1);
  void put_all(std::span<const PageIndex> pages);
  void release_all(std::span<const PageIndex> pages) override { put_all(pages); }

  // It was used: unreferenced, referenced, then active and unreferenced (folio_mark_accessed).
  void mark_accessed(Page& page);
  void activate(Page& page);
  // It will not be used soon: to the front of its inactive list.
  void deactivate(Page& page);
  // A file's page that could not be dropped: the next to be reclaimed, or to be so when it is
  // written (kReclaim).
  void deactivate_file(Page& page);
  // Its content may be dropped (MADV_FREE): an anonymous page goes among the inactive file pages.
  void lazy_free(Page& page);
  // It has been written, and had kReclaim: the next to be reclaimed.
  void rotate(Page& page);

  // One more, one less mapping holds the page in memory. How many is kept while it is on the
  // unevictable list, and is then a lower bound.
  void mlock(Page& page);
  void munlock(Page& page);

  // Takes a page off its list, with a reference for the caller. False: it is on none.
  [[nodiscard]] bool isolate(Page& page);
  // Back onto a list; drops isolate()'s reference.
  void put_back(Page& page);

  // Makes the moves that wait here, or on every CPU; or none, if somebody else makes them now.
  void drain_here();
  void try_drain_here();
  void drain_all();

  // Calls visit(PageIndex) for each page of a linked list, the front first, under the lock, until
  // it says false.
  template <class Visit>
  void for_each(NodeId node, LruList list, Visit visit) {
    NodeLists& lists = nodes_[index_of(node)];
    const SpinGuard guard(lists.lock);
    const PageIndex first = lists.lists.data()[index_of(list)].front();
    for (PageIndex at = first; at != PageIndex::kNone; at = PageIndex{parts_.map.at(at).next})
      if (!visit(at)) return;
  }

 private:
  static void count_here(VmEvent event, std::int64_t pages);

  enum class Move : std::uint8_t {
    kAdd,
    kRotate,
    kDeactivateFile,
    kDeactivate,
    kLazyFree,
    kActivate,
    kCount
  };
  static constexpr unsigned kMoves = static_cast<unsigned>(Move::kCount);

  struct Batch {
    Relaxed<std::uint32_t> count = 0;
    std::array<PageIndex, kBatchPages> pages{};
  };
  static_assert(sizeof(Batch) == 64);
  struct alignas(64) Cpu {
    std::array<Batch, kMoves> batches QUIRE_GUARDED_BY(lock);
    PcpLock lock;
  };
  struct alignas(64) NodeLists {
    SpinLock lock{LockRank::kLru};
    std::array<PageList, kLinkedLruLists> lists QUIRE_GUARDED_BY(lock);
  };

  // How much longer the lists became on behalf of pages of one zone: counted together.
  struct Growth {
    std::array<std::int64_t, kLinkedLruLists + 1> pages{};
  };

  [[nodiscard]] Cpu& here() const { return cpus_.data()[index_of(Arch::current()->cpu)]; }
  [[nodiscard]] NodeLists& lists_of(PageWord word) const {
    return nodes_.data()[index_of(parts_.nodes.zone_of(word).node)];
  }
  [[nodiscard]] NodeLists& lists_of(const Page& page) const { return lists_of(page.word_racy()); }
  void queue(Page& page, Move move);
  void drain(Cpu& cpu) QUIRE_REQUIRES(cpu.lock);
  static bool has_waiting(const Cpu& cpu);
  void make_all(std::span<const PageIndex> pages, Move move);
  void make_locked(NodeLists& node, Page& page, Move move, Growth& growth)
      QUIRE_REQUIRES(node.lock);
  void move_locked(NodeLists& node, Page& page, Move move, Growth& growth)
      QUIRE_REQUIRES(node.lock);
  void enter_locked(NodeLists& node, Page& page, Growth& growth) QUIRE_REQUIRES(node.lock);
  // The same for those of `pages`, from the front, that are of the zone of `first`, single pages
  // and need not stay. How many.
  std::size_t add_plain_locked(NodeLists& node, std::span<const PageIndex> pages, PageWord first,
                               Growth& growth) QUIRE_REQUIRES(node.lock);
  void reenter_locked(NodeLists& node, Page& page) QUIRE_REQUIRES(node.lock);
  enum class End : bool { kFront, kBack };
  void link_locked(NodeLists& node, Page& page, Growth& growth, End end = End::kFront)
      QUIRE_REQUIRES(node.lock);
  void unlink_locked(NodeLists& node, Page& page, Growth& growth) QUIRE_REQUIRES(node.lock);
  void retire_locked(NodeLists& node, Page& page, Growth& growth) QUIRE_REQUIRES(node.lock);
  // A page on the unevictable list, which links nothing: how often it is known to be locked.
  [[nodiscard]] static std::uint32_t& mlock_count(Page& page) { return page.prev; }
  // Counts what pages of the zone that `word` names have done.
  void count(PageWord word, const Growth& growth) const;
  void munlock_locked(NodeLists& node, Page& page) QUIRE_REQUIRES(node.lock);
  void activate_waiting(Page& page);
  void free_dead(PageIndex first);
  void count_mlocked(const Page& page, std::int64_t pages) const;

  const Parts parts_;
  std::span<NodeLists> nodes_;
  std::span<Cpu> cpus_;
};

}  // namespace quire
