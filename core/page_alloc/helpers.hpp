// What the page allocator asks of the floors above it when free pages run short. The machine wires
// the real ones in; without them every call reports that nothing could be done, and an allocation
// ends as Linux's would.
//
// Locking  Called without locks. reclaim, compact and kill may sleep.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "page_alloc/request.hpp"
#include "zone/zone.hpp"

namespace quire {

enum class CompactPriority : std::uint8_t { kSyncFull, kSyncLight, kAsync };
enum class CompactResult : std::uint8_t { kSkipped, kDeferred, kFailed, kContinue, kSuccess };

class AllocHelpers {
 public:
  // A zone is low: free pages in the background until its node is balanced.
  virtual void wake_kswapd(Zone& zone, Order order, ZoneType highest) {
    static_cast<void>(zone), static_cast<void>(order), static_cast<void>(highest);
  }
  // Makes free blocks of the request's order by moving pages.
  virtual CompactResult compact(const AllocRequest& request, CompactPriority priority) {
    static_cast<void>(request), static_cast<void>(priority);
    return CompactResult::kSkipped;
  }
  // Frees pages for the caller, now; returns how many.
  virtual std::uint64_t reclaim(const AllocRequest& request) {
    static_cast<void>(request);
    return 0;
  }
  // Kills a process for memory. True when trying again makes sense.
  virtual bool kill_for(const AllocRequest& request) {
    static_cast<void>(request);
    return false;
  }
  // Pages that reclaim could free in `zone` (inactive and active lists).
  virtual std::uint64_t reclaimable_pages(const Zone& zone) {
    static_cast<void>(zone);
    return 0;
  }

 protected:
  ~AllocHelpers() = default;
};

}  // namespace quire
