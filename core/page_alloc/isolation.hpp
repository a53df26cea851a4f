// Taking pageblocks out of use, so that everything in them can be had at once: their free pages are
// not counted as free and nobody is given them, and what is freed meanwhile stays there.
//
// Ranges   Whole pageblocks within the span of one zone, all in sections that are present.
// Locking  Callers hold no lock; the zone's lock is taken within. isolate() drains CPUs' sets.
// Errors   kBusy: a page is in use, reserved or another zone's, or a pageblock is isolated already
//          or of the highatomic reserve; nothing has changed then. kInvalid: no such range.
// Cost     Follows the blocks of the range; pages of runs are looked up in their zone's list.
// Source   Documentation/admin-guide/mm/memory-hotplug.rst (offlining), cma_debugfs.rst.
#pragma once

#include "base/base.hpp"
#include "page_alloc/page_allocator.hpp"

namespace quire {

class Isolation {
 public:
  Isolation(PageAllocator& allocator, Zone& zone)
      : allocator_(allocator), buddy_(allocator.buddy()), map_(allocator.map()), zone_(zone) {}

  // The pageblocks that `pages` lies in.
  static PfnRange pageblocks_of(PfnRange pages) {
    return {pages.start.align_down(kPageblockPages), pages.end.align_up(kPageblockPages)};
  }

  // Isolates pageblocks of which `needed`, a part of them, has no page in use.
  Result<void> isolate(PfnRange blocks, PfnRange needed);
  // Ends the isolation: free pages are free again, in pageblocks of type `type`.
  void undo(PfnRange blocks, MigrateType type);
  // Takes the free pages of `pages`, which is isolated, off the lists. What hangs over of their
  // blocks stays free. All bytes of each Page are zero afterwards.
  void take(PfnRange pages);

 private:
  // A block, or a run of free ones: where it begins, how long it is, what it is.
  struct Piece {
    PageIndex head;
    std::uint64_t pages;
    bool free;  // on a list
    bool idle;  // on a list, or in a CPU's set
  };
  [[nodiscard]] Piece piece_at(PageIndex index) const QUIRE_REQUIRES(zone_.lock);
  [[nodiscard]] bool all_free(PfnRange pages) QUIRE_EXCLUDES(zone_.lock);
  [[nodiscard]] bool all_idle(PfnRange pages) const QUIRE_REQUIRES(zone_.lock);
  [[nodiscard]] bool may_isolate(PfnRange blocks) const QUIRE_REQUIRES(zone_.lock);
  void isolate_block(Pfn block, PfnRange blocks) QUIRE_REQUIRES(zone_.lock);
  void undo_block(PageIndex index, MigrateType type) QUIRE_REQUIRES(zone_.lock);
  void give_back(PageIndex first, std::uint64_t pages) QUIRE_REQUIRES(zone_.lock);
  void count_free(std::int64_t pages);
  [[nodiscard]] PageIndex index_of(Pfn pfn) const { return map_.index_of(*map_.page_of(pfn)); }

  PageAllocator& allocator_;
  Buddy& buddy_;
  MemoryMap& map_;
  Zone& zone_;
};

}  // namespace quire
