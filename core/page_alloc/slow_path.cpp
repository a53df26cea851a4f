#include "page_alloc/slow_path.hpp"

namespace quire {
namespace {

constexpr unsigned kMaxReclaimRetries = 16;
constexpr unsigned kMaxCompactRetries = 16;

}  // namespace

SlowPath::SlowPath(PageAllocator& allocator, AllocRequest& request)
    : allocator_(allocator), request_(request), flags_(flags_from_gfp()) {}

AllocFlags SlowPath::flags_from_gfp() const {
  AllocFlags flags{Watermark::kMin};
  flags.set(AllocFlags::kCpuset);
  flags.set(AllocFlags::kMinReserve, any(request_.gfp & Gfp::kHigh));
  flags.set(AllocFlags::kKswapd, any(request_.gfp & Gfp::kKswapdReclaim));
  if (may_reclaim()) {
    if (Arch::current()->task->real_time) flags.set(AllocFlags::kMinReserve);
    return flags;
  }
  if (!any(request_.gfp & Gfp::kNoMemalloc)) {
    flags.set(AllocFlags::kNonBlock);
    flags.set(AllocFlags::kHighAtomic,
              request_.order.raw() > 0 && flags.has(AllocFlags::kMinReserve));
  }
  // What cannot wait and matters rather leaves its cpuset than fails.
  if (flags.has(AllocFlags::kMinReserve)) flags.set(AllocFlags::kCpuset, false);
  return flags;
}

bool SlowPath::may_use_reserves() const {
  if (any(request_.gfp & Gfp::kNoMemalloc)) return false;
  const Task& task = *Arch::current()->task;
  return any(request_.gfp & Gfp::kMemalloc) || (task.flags() & Task::kMemalloc) != 0;
}

Page* SlowPath::run() {
  State state = State::kFirstTry;
  while (state != State::kDone) state = step(state);
  return page_;
}

SlowPath::State SlowPath::step(State state) {
  switch (state) {
    case State::kFirstTry: return first_try();
    case State::kFirstCompact: return first_compact();
    case State::kWake: return wake();
    case State::kReserve: return try_reserves();
    case State::kReclaim: return reclaim();
    case State::kCompact: return compact();
    case State::kDecide: return decide();
    case State::kKill: return kill();
    case State::kNoPage: return no_page();
    case State::kFail: return fail();
    case State::kDone: break;
  }
  return State::kDone;
}

SlowPath::State SlowPath::got(State otherwise) {
  return page_ != nullptr ? State::kDone : otherwise;
}

void SlowPath::wake_all_kswapds() {
  if (!flags_.has(AllocFlags::kKswapd)) return;
  const Zone* last = nullptr;
  for (const ZoneRef* ref = request_.preferred; ref->zone != nullptr;
       ref = request_.next_from(ref + 1)) {
    if (last != nullptr && last->node == ref->zone->node) continue;
    if (ref->zone->managed_pages() == 0) continue;
    allocator_.helpers_.wake_kswapd(*ref->zone, request_.order, request_.highest);
    last = ref->zone;
  }
}

SlowPath::State SlowPath::first_try() {
  if (request_.preferred->zone == nullptr) return State::kNoPage;
  wake_all_kswapds();
  try_freelists();
  return got(State::kFirstCompact);
}

// Blocks of high order: moving pages may do at once what reclaim would do slowly.
SlowPath::State SlowPath::first_compact() {
  const bool helps = costly() || (request_.order.raw() > 0 &&
                                  request_.type != MigrateType::kMovable);
  if (!may_reclaim() || !helps || may_use_reserves()) return State::kWake;
  compacted_ = allocator_.helpers_.compact(request_, CompactPriority::kAsync);
  if (compacted_ == CompactResult::kSuccess) try_freelists();
  if (page_ != nullptr) return State::kDone;
  if (costly() && any(request_.gfp & Gfp::kNoRetry)) {
    // Compaction cannot help, and reclaiming for an optional block would do more harm than good.
    if (compacted_ == CompactResult::kSkipped || compacted_ == CompactResult::kDeferred)
      return State::kNoPage;
    priority_ = CompactPriority::kAsync;
  }
  return State::kWake;
}

SlowPath::State SlowPath::wake() {
  wake_all_kswapds();
  return State::kReserve;
}

SlowPath::State SlowPath::try_reserves() {
  const bool victim =
      Arch::current()->task->oom_victim && !any(request_.gfp & Gfp::kNoMemalloc);
  if (may_use_reserves() || victim) {
    // These reserves stand in for all others.
    AllocFlags reserves{Watermark::kMin};
    reserves.set(may_use_reserves() ? AllocFlags::kNoWatermarks : AllocFlags::kOom);
    reserves.set(AllocFlags::kKswapd, flags_.has(AllocFlags::kKswapd));
    flags_ = reserves;
  }
  if (!flags_.has(AllocFlags::kCpuset) ||
      flags_.has_any(AllocFlags::kNoWatermarks | AllocFlags::kOom)) {
    request_.nodes = kAllNodes;
    request_.find_preferred();
  }
  try_freelists();
  if (page_ != nullptr) return State::kDone;
  const bool frees_memory = (Arch::current()->task->flags() & Task::kMemalloc) != 0;
  return !may_reclaim() || frees_memory ? State::kNoPage : State::kReclaim;
}

SlowPath::State SlowPath::reclaim() {
  progress_ = allocator_.helpers_.reclaim(request_);
  if (progress_ == 0) return State::kCompact;
  try_freelists();
  if (page_ != nullptr) return State::kDone;
  // What was reclaimed may lie on per-CPU lists or in the highatomic reserve.
  allocator_.mobility_.unreserve_highatomic(request_, false);
  allocator_.drain_all();
  try_freelists();
  return got(State::kCompact);
}

SlowPath::State SlowPath::compact() {
  if (request_.order.raw() == 0) return State::kDecide;
  compacted_ = allocator_.helpers_.compact(request_, priority_);
  if (compacted_ == CompactResult::kSuccess) try_freelists();
  return got(State::kDecide);
}

SlowPath::State SlowPath::decide() {
  if (any(request_.gfp & Gfp::kNoRetry)) return State::kNoPage;
  if (costly() && !any(request_.gfp & Gfp::kRetryMayFail)) return State::kNoPage;
  if (should_retry_reclaim()) return State::kWake;
  if (progress_ > 0 && should_retry_compaction()) return State::kWake;
  return State::kKill;
}

// Worth it while reclaiming everything that can be reclaimed would meet the min watermark.
bool SlowPath::should_retry_reclaim() {
  no_progress_loops_ = progress_ > 0 && !costly() ? 0 : no_progress_loops_ + 1;
  for (const ZoneRef* ref = request_.preferred;
       no_progress_loops_ <= kMaxReclaimRetries && ref->zone != nullptr;
       ref = request_.next_from(ref + 1)) {
    const Zone& zone = *ref->zone;
    const std::uint64_t reclaimable = allocator_.helpers_.reclaimable_pages(zone);
    if (reclaimable == 0) continue;
    const std::int64_t available =
        static_cast<std::int64_t>(reclaimable) +
        zone_state_snapshot(allocator_.nodes_, zone, ZoneItem::kNrFreePages);
    const WatermarkQuery query{request_.order, request_.highest, flags_,
                               zone.watermark[index_of(Watermark::kMin)].get()};
    if (watermark_ok(zone, query, available)) return true;
  }
  // Before a victim is sought, the highatomic reserve goes.
  return allocator_.mobility_.unreserve_highatomic(request_, true);
}

bool SlowPath::should_retry_compaction() {
  if (request_.order.raw() == 0) return false;
  const unsigned most = costly() ? kMaxCompactRetries / 4 : kMaxCompactRetries;
  if (compacted_ == CompactResult::kContinue && ++compaction_retries_ <= most) return true;
  // Try harder before giving up; costly blocks never wait for the hardest kind.
  const CompactPriority hardest =
      costly() ? CompactPriority::kSyncLight : CompactPriority::kSyncFull;
  if (priority_ <= hardest) return false;
  priority_ = static_cast<CompactPriority>(static_cast<unsigned>(priority_) - 1);
  compaction_retries_ = 0;
  return true;
}

// Last of all: what another task freed meanwhile, above the high watermark; then a victim.
SlowPath::State SlowPath::kill() {
  AllocRequest last = request_;
  last.gfp = (request_.gfp | Gfp::kHardwall) & ~Gfp::kDirectReclaim;
  AllocFlags high{Watermark::kHigh};
  high.set(AllocFlags::kCpuset);
  page_ = allocator_.get_page_from_freelist(last, high);
  if (page_ != nullptr) return State::kDone;
  const bool may_kill = !costly() && !any(request_.gfp & (Gfp::kRetryMayFail | Gfp::kThisNode)) &&
                        request_.highest >= ZoneType::kNormal;
  const bool killed = may_kill && allocator_.helpers_.kill_for(request_);
  if (Arch::current()->task->oom_victim &&
      (flags_.has(AllocFlags::kOom) || any(request_.gfp & Gfp::kNoMemalloc)))
    return State::kNoPage;
  if (!killed) return State::kNoPage;
  no_progress_loops_ = 0;
  return State::kWake;
}

SlowPath::State SlowPath::no_page() {
  if (!any(request_.gfp & Gfp::kNoFail) || !may_reclaim()) return State::kFail;
  // It must not fail: a little of the reserves, then around again.
  AllocFlags harder{Watermark::kMin};
  harder.set(AllocFlags::kMinReserve);
  page_ = allocator_.get_page_from_freelist(request_, harder);
  if (page_ != nullptr) return State::kDone;
  allocator_.host_.yield();
  return State::kWake;
}

SlowPath::State SlowPath::fail() {
  allocator_.debug_.report_failure(request_, allocator_.nodes_);
  return State::kDone;
}

Page* PageAllocator::allocate_slow(AllocRequest& request) { return SlowPath(*this, request).run(); }

}  // namespace quire
