// What page tables tell those who cache them.
#pragma once

#include "base/base.hpp"
#include "pagetable/format.hpp"

namespace quire {

class PageTables;

// What CPUs may keep of tables (TLB and paging-structure caches) and must forget: called after the
// entries have changed and before any frame that they named is used for something else.
class FlushSink {
 public:
  struct Gone {
    const PageTables& tables;
    VirtRange range;
    PageLevel stride;  // the smallest page that was there
    bool tables_too;   // tables of the range are about to be freed
  };
  virtual void flush(const Gone& gone) = 0;
  // An entry of the root has come to be that maps `at`.
  virtual void root_changed(const PageTables& tables, VirtAddr at) = 0;

 protected:
  ~FlushSink() = default;
};

}  // namespace quire
