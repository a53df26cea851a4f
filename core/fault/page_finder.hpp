// The pages of many frames, most of which lie in the section of the one before.
//
// Ownership  One task's, on its stack, while the sections that it is asked for are present.
#pragma once

#include "base/base.hpp"
#include "memmap/memmap.hpp"

namespace quire {

class PageFinder {
 public:
  explicit PageFinder(const MemoryMap& map) : map_(map) {}

  // The section of `frame` is present.
  [[nodiscard]] Page& page_of(Pfn frame) {
    if (frame.raw() - first_.raw() >= kSectionPages.raw()) [[unlikely]] {
      first_ = start_of(section_of(frame));
      pages_ = &map_.at(map_.index_of(first_));
    }
    return pages_[frame.raw() - first_.raw()];
  }

 private:
  const MemoryMap& map_;
  Pfn first_{std::uint64_t{1} << 63};  // of the section; no frame is near this one
  Page* pages_ = nullptr;
};

}  // namespace quire
