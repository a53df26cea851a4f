// The slow path of an allocation: what happens when no zone has pages above its low watermark.
// A state machine, a state a step of the kernel's rules; each asks one helper or decides one thing.
//
//   kWake -> kReserve -> kReclaim -> kCompact -> kDecide -> (kWake | kKill -> kWake) -> kNoPage
//
// Source  Documentation/core-api/memory-allocation.rst: what __GFP_NORETRY, RETRY_MAYFAIL and
//         NOFAIL promise; Documentation/mm for reserves and the order of measures.
#pragma once

#include "page_alloc/page_allocator.hpp"

namespace quire {

class SlowPath {
 public:
  SlowPath(PageAllocator& allocator, AllocRequest& request);

  // The page, or null when the request must fail; the failure is reported then.
  Page* run();

 private:
  enum class State : std::uint8_t {
    kFirstTry, kFirstCompact, kWake, kReserve, kReclaim, kCompact, kDecide, kKill, kNoPage, kFail,
    kDone
  };

  State step(State state);
  State first_try();
  State first_compact();
  State wake();
  State try_reserves();
  State reclaim();
  State compact();
  State decide();
  State kill();
  State no_page();
  State fail();

  [[nodiscard]] bool costly() const { return request_.order > kCostlyOrder; }
  [[nodiscard]] bool may_reclaim() const { return any(request_.gfp & Gfp::kDirectReclaim); }
  [[nodiscard]] AllocFlags flags_from_gfp() const;
  [[nodiscard]] bool may_use_reserves() const;
  [[nodiscard]] bool should_retry_reclaim();
  [[nodiscard]] bool should_retry_compaction();
  State got(State otherwise);
  void try_freelists() { page_ = allocator_.get_page_from_freelist(request_, flags_); }
  void wake_all_kswapds();

  PageAllocator& allocator_;
  AllocRequest& request_;
  AllocFlags flags_;
  Page* page_ = nullptr;
  std::uint64_t progress_ = 0;
  unsigned no_progress_loops_ = 0;
  unsigned compaction_retries_ = 0;
  CompactPriority priority_ = CompactPriority::kSyncLight;
  CompactResult compacted_ = CompactResult::kSkipped;
};

}  // namespace quire
