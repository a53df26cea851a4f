// The ranges of kernel addresses that callers of the API have: those, and none of the machine's
// own, they may free and write to.
//
// Units    Sizes in bytes, of what is mapped.
// Locking  One lock guards all.
#pragma once

#include <map>
#include <mutex>

#include "base/base.hpp"

namespace quire::api {

enum class AreaKind : bool { kAllocated, kMapped };  // by vmalloc; by vmap

class Areas {
 public:
  struct Area {
    Bytes size;
    AreaKind kind;
  };

  void add(VirtAddr start, Area area) {
    const std::lock_guard guard(lock_);
    areas_.emplace(start, area);
  }
  // It is the caller's to free from here on. False: there is none of that kind.
  [[nodiscard]] bool take(VirtAddr start, AreaKind kind) {
    const std::lock_guard guard(lock_);
    const auto found = areas_.find(start);
    if (found == areas_.end() || found->second.kind != kind) return false;
    areas_.erase(found);
    return true;
  }
  // In one of them.
  [[nodiscard]] bool hold(VirtAddr start, Bytes size) const {
    const std::lock_guard guard(lock_);
    auto found = areas_.upper_bound(start);
    if (found == areas_.begin()) return false;
    --found;
    const Bytes offset = start - found->first;
    return offset <= found->second.size && size <= found->second.size - offset;
  }

 private:
  mutable std::mutex lock_;
  std::map<VirtAddr, Area> areas_;
};

}  // namespace quire::api
