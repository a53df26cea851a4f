// Who takes pages back that an address space has let go of: whoever keeps the lists they are on.
//
// Locking  Called with no spinlock held.
#pragma once

#include <span>

#include "memmap/memmap.hpp"

namespace quire {

class PageRelease {
 public:
  // Drops a reference to each; whose last it was is freed.
  virtual void release_all(std::span<const PageIndex> pages) = 0;

 protected:
  ~PageRelease() = default;
};

}  // namespace quire
