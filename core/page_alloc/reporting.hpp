// Free page reporting: tells whoever backs the machine's frames (a hypervisor, a process) which
// blocks are free, so that what they hold can be thrown away.
//
// State    A free block that was told of bears a mark (kReported in Page::refcount) until it is
//          split, merged or handed out. It lies at the back of its list, so that what is still
//          backed is handed out first. Runs were never touched: nobody is told of them.
// Locking  Callers hold no spinlock. The zone's lock is taken within; the sink is called without
//          it, with the blocks off the lists.
// Cost     Follows the blocks told of, plus kMostPassed already told of for each list and batch.
// Source   Documentation/mm/free_page_reporting.rst.
#pragma once

#include <array>

#include "base/base.hpp"
#include "page_alloc/page_allocator.hpp"

namespace quire {

class FreePageSink {
 public:
  // Nobody uses these pages until it returns.
  virtual void report(PageIndex first, PageCount pages) = 0;

 protected:
  ~FreePageSink() = default;
};

class FreePageReporting {
 public:
  FreePageReporting(PageAllocator& allocator, FreePageSink& sink)
      : allocator_(allocator), sink_(sink) {}

  // Tells of free blocks of `zone` of at least 2^least pages that nobody was told of, large ones
  // first, until it has told of `most` pages. Returns of how many.
  PageCount report(Zone& zone, Order least, PageCount most);

 private:
  static constexpr unsigned kBatch = 32;
  static constexpr unsigned kMostPassed = 256;

  struct Batch {
    std::array<PageIndex, kBatch> blocks{};
    unsigned count = 0;
  };

  Batch isolate(Zone& zone, Order order, MigrateType type) QUIRE_EXCLUDES(zone.lock);
  void put_back(Zone& zone, Order order, const Batch& batch) QUIRE_EXCLUDES(zone.lock);

  PageAllocator& allocator_;
  FreePageSink& sink_;
};

}  // namespace quire
