// One range of kernel addresses that is taken: struct vmap_area and, of its owner, struct
// vm_struct.
//
// Ownership  A record belongs to whoever made it until it is inserted into a VmapAreas, and again
//            from when that gives it back.
// Locking    While it is inserted, everything but the owner's part is the index's lock's. The
//            owner's part is written before the area is shown (kUninitialized taken away) and
//            read under that lock.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "memmap/memmap.hpp"

namespace quire {

using VirtRange = Range<VirtAddr>;

// Values are Linux's VM_ flags of the same name.
enum class VmapFlag : std::uint32_t {
  kIoremap = 0x1,
  kAlloc = 0x2,            // by vmalloc() and the like: its pages go with it
  kMap = 0x4,              // by vmap(): its pages are the caller's
  kUserMap = 0x8,          // fit to be shown to a user
  kUninitialized = 0x20,   // not shown yet
  kNoGuard = 0x40,
  kAllowHuge = 0x400,
};

struct VmapArea {
  VirtAddr start;                 // the guard page belongs to the range
  VirtAddr end;

  VmapArea* parent = nullptr;     // the tree, by address
  VmapArea* left = nullptr;
  VmapArea* right = nullptr;
  VmapArea* previous = nullptr;   // neighbours by address
  VmapArea* next = nullptr;
  VmapArea* lazy_previous = nullptr;  // of lazily freed areas: the list of those
  VmapArea* lazy_next = nullptr;
  Bytes max_gap;                  // the longest gap before an area of this subtree
  std::uint32_t priority = 0;     // of its place in the tree
  bool lazy = false;              // freed, but its addresses may still be in some TLB

  // The owner's part.
  std::uint8_t page_shift = kPageShift;  // its leaves: 12, or 21 where they are huge
  std::uint32_t flags = 0;
  std::uint32_t page_count = 0;
  Page** pages = nullptr;            // up to a page full of them; null: none, or in array_area
  VmapArea* array_area = nullptr;    // where longer arrays lie
  const char* caller = nullptr;      // who asked for it; text that lives as long as the machine
  PhysAddr physical;                 // of what is not RAM

  [[nodiscard]] Bytes length() const { return end - start; }
  [[nodiscard]] bool has(VmapFlag flag) const {
    return (flags & static_cast<std::uint32_t>(flag)) != 0;
  }
};

}  // namespace quire
