// How many pages may be dirty and for how long: what the page cache asks of floors above it.
//
// Locking  Asked on any CPU, with no lock held.
// Source   Documentation/admin-guide/sysctl/vm.rst (dirty_*).
#pragma once

#include <cstdint>

#include "base/base.hpp"

namespace quire {

// How many pages may be dirty: so many, and so many before write-back begins.
struct DirtyLimits {
  PageCount threshold;
  PageCount background;
};

// How often old dirt is looked for, 0: never; and how old it is then.
struct DirtyIntervals {
  std::uint64_t period_ns = 0;
  std::uint64_t expire_ns = 0;
};

class DirtyPolicy {
 public:
  virtual DirtyLimits limits() = 0;
  virtual DirtyIntervals intervals() { return {}; }
  // More than `background` are dirty: have them written (Flusher).
  virtual void wake_flusher() {}

 protected:
  ~DirtyPolicy() = default;
};

}  // namespace quire
