// Pages of processes that callers of the C API hold, so that none is given back that is not held.
//
// Locking  Its own mutex.
#pragma once

#include <cstddef>
#include <map>
#include <mutex>
#include <span>

#include "memmap/memmap.hpp"

namespace quire::api {

class HeldPages {
 public:
  enum class Kind : bool { kReferenced, kPinned };

  void add(std::span<Page* const> pages, Kind kind) {
    const std::lock_guard guard(lock_);
    for (Page* const page : pages) ++held_[{page, kind}];
  }
  // All of them, or none and false.
  [[nodiscard]] bool drop(std::span<Page* const> pages, Kind kind) {
    const std::lock_guard guard(lock_);
    std::map<Page*, std::size_t> wanted;
    for (Page* const page : pages) ++wanted[page];
    for (const auto& [page, times] : wanted) {
      const auto held = held_.find({page, kind});
      if (held == held_.end() || held->second < times) return false;
    }
    for (const auto& [page, times] : wanted) {
      const auto held = held_.find({page, kind});
      if ((held->second -= times) == 0) held_.erase(held);
    }
    return true;
  }

 private:
  std::mutex lock_;
  std::map<std::pair<Page*, Kind>, std::size_t> held_;
};

}  // namespace quire::api
