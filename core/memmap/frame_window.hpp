// The content of all page frames, in one window of address space in the order of the memory map:
// what lies at base + index * 4096 is the frame of the page with that index. So a pointer into a
// frame leads to its Page, and back, by arithmetic alone.
//
// Ownership  The host made the window (Host::reserve_frames); it lives as long as the machine.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/base.hpp"
#include "memmap/page.hpp"

namespace quire {

class FrameWindow {
 public:
  FrameWindow() = default;
  FrameWindow(std::byte* base, std::uint32_t pages) : base_(base), pages_(pages) {}

  [[nodiscard]] std::byte* base() const { return base_; }
  // Frames that the window has room for, from index 0 on.
  [[nodiscard]] std::uint32_t pages() const { return pages_; }

  [[nodiscard]] std::byte* content(PageIndex index) const {
    return base_ + (std::uint64_t{raw(index)} << kPageShift);
  }
  // The frame that `pointer` points into; kNone when that is outside of the window.
  [[nodiscard]] PageIndex index_at(const void* pointer) const {
    const std::uint64_t index = (reinterpret_cast<std::uintptr_t>(pointer) -
                                 reinterpret_cast<std::uintptr_t>(base_)) >> kPageShift;
    return index < pages_ ? PageIndex{static_cast<std::uint32_t>(index)} : PageIndex::kNone;
  }

 private:
  std::byte* base_ = nullptr;
  std::uint32_t pages_ = 0;
};

}  // namespace quire
