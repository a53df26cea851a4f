#include "filemap/flusher.hpp"

namespace quire {

std::uint64_t Flusher::round() {
  const DirtyIntervals intervals = policy_.intervals();
  const std::uint64_t now = Arch::current()->host->now_ns();
  const bool periodic = intervals.period_ns != 0;
  const bool due = periodic && now - last_ns_ >= intervals.period_ns;
  const std::uint64_t expire_ns = due ? intervals.expire_ns : PageCache::kNoAge;
  if (cache_.flush({expire_ns, kRound}) >= kRound.raw()) return 0;
  if (due) last_ns_ = now;
  return periodic ? last_ns_ + intervals.period_ns - now : kWhenWoken;
}

}  // namespace quire
