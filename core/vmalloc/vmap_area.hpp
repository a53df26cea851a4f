// One range of kernel addresses that is taken: struct vmap_area and, of its owner, struct
// vm_struct.
//
// Ownership  A record belongs to whoever made it until it is inserted into a VmapAreas, and again
//            from when that gives it back.
// Locking    While it is inserted, everything but the owner's part is the index's lock's. The
//            owner's part is written before the area is shown (kUninitialized taken away, in
//            one write) and read under that lock, once that flag is seen to be gone.
#pragma once

#include <array>
#include <cstdint>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

// Values are Linux's VM_ flags of the same name.
enum class VmapFlags : std::uint32_t {
  kNone = 0,
  kAlloc = 0x2,            // by vmalloc() and the like: its pages go with it
  kMap = 0x4,              // by vmap(): its pages are the caller's
  kUserMap = 0x8,          // fit to be shown to a user
  kUninitialized = 0x20,   // not complete yet, or not any more: nobody may find it
  kNoGuard = 0x40,
  kAllowHuge = 0x400,
};
constexpr std::uint32_t raw(VmapFlags flags) { return static_cast<std::uint32_t>(flags); }
constexpr VmapFlags operator|(VmapFlags a, VmapFlags b) {
  return static_cast<VmapFlags>(raw(a) | raw(b));
}
constexpr VmapFlags operator&(VmapFlags a, VmapFlags b) {
  return static_cast<VmapFlags>(raw(a) & raw(b));
}
constexpr VmapFlags operator~(VmapFlags a) { return static_cast<VmapFlags>(~raw(a)); }

enum class VmapState : std::uint8_t {
  kUsed,
  kLazy,     // freed, but its addresses may still be in some TLB
  kPurging,  // the same, and they are being flushed
};

struct VmapArea {
  VirtAddr start{};               // the guard page belongs to the range
  VirtAddr end{};

  VmapArea* parent = nullptr;     // the tree, by address
  VmapArea* left = nullptr;
  VmapArea* right = nullptr;
  VmapArea* previous = nullptr;   // neighbours by address
  VmapArea* next = nullptr;
  VmapArea* lazy_previous = nullptr;  // of lazily freed areas: the list of those
  VmapArea* lazy_next = nullptr;
  Bytes max_gap{};                // the longest gap before an area of this subtree
  std::uint32_t priority = 0;     // of its place in the tree
  VmapState state = VmapState::kUsed;

  // The owner's part.
  static constexpr std::uint32_t kFew = 8;

  VmapFlags flags{};
  std::uint32_t page_count = 0;
  std::uint32_t capacity = 0;        // of the array: pages that fit into the range
  Page** pages = nullptr;            // the array, unless array_area is set
  VmapArea* array_area = nullptr;    // whose pages hold the array, where one page cannot
  const char* caller = nullptr;      // who asked for it; text that lives as long as the machine
  std::array<Page*, kFew> few{};     // the array, where that is enough

  [[nodiscard]] Bytes length() const { return end - start; }
  [[nodiscard]] bool has(VmapFlags flag) const {
    VmapFlags now;
    __atomic_load(&flags, &now, __ATOMIC_ACQUIRE);
    return (now & flag) != VmapFlags::kNone;
  }
  // The owner's part is complete: whoever finds the area may read it.
  void show() {
    VmapFlags shown = flags & ~VmapFlags::kUninitialized;
    __atomic_store(&flags, &shown, __ATOMIC_RELEASE);
  }
  // What may be mapped of it.
  [[nodiscard]] VirtRange inside() const {
    return {start, has(VmapFlags::kNoGuard) ? end : end - kPageSize};
  }
};

}  // namespace quire
