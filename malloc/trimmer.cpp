#include "malloc/trimmer.hpp"

#include <sys/mman.h>

namespace quire::preload {

bool Trimmer::begin() {
  if (busy_.exchange(true, std::memory_order_acquire)) return false;
  const std::uint64_t now = machine_.host().now_ns();
  if (now >= next_ns_.load(std::memory_order_relaxed)) {
    next_ns_.store(now + kPause, std::memory_order_relaxed);
    return true;
  }
  busy_.store(false, std::memory_order_release);
  return false;
}

void Trimmer::trim(Zone& zone, std::uint64_t used) {
  const std::uint64_t peak = peak_.load(std::memory_order_relaxed);
  const std::uint64_t stays = used / 64;
  if (peak > used + stays) {
    const std::uint64_t told =
        reporting_.report(zone, Order{0}, PageCount{peak - used - stays}).raw();
    given_back_.fetch_add(told, std::memory_order_relaxed);
    peak_.store(used + stays, std::memory_order_relaxed);
  }
  busy_.store(false, std::memory_order_release);
}

PageCount Trimmer::trim_all(Zone& zone) {
  const PageCount told = reporting_.report(zone, Order{0}, zone.present);
  given_back_.fetch_add(told.raw(), std::memory_order_relaxed);
  peak_.store(0, std::memory_order_relaxed);
  return told;
}

void Trimmer::report(PageIndex first, PageCount pages) {
  ::madvise(machine_.map().frames().content(first), size_of(pages).raw(), MADV_DONTNEED);
}

}  // namespace quire::preload
