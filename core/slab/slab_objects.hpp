// The objects in the slabs of one cache: which slab a pointer lies in, and the slab's free list.
//
// A slab is a block of pages of kind kSlab. Each of its pages bears the block's order and the
// cache's tag; the first one has the books: how many objects there are and are out, the first
// free object, and how many have never been taken. The free list goes through the free objects:
// each holds where the next one is, disguised by a secret of the cache and its own place, so that
// who overruns an object cannot choose what is allocated next.
//
// Locking  The books of a slab: the lock of its node (NodeSlabs), or nobody else knows it yet.
// Errors   A link that leads out of the slab ends the list there; take() says so.
#pragma once

#include <bit>
#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "slab/cpu_slab.hpp"
#include "slab/layout.hpp"

namespace quire {

struct SlabObjects {
  FrameWindow frames;
  PageArray pages;
  SlabLayout layout;
  std::uint64_t secret = 0;

  [[nodiscard]] Page& head_of(PageIndex index) const {
    return pages.at(raw(index) & ~((1u << pages.at(index).word.order().raw()) - 1));
  }
  [[nodiscard]] Page& head_of(const void* object) const {
    return head_of(frames.index_at(object));
  }
  [[nodiscard]] std::byte* start(const Page& head) const {
    return frames.content(pages.index_of(head));
  }
  // The object with that number, as callers know it: behind its left red zone.
  [[nodiscard]] void* object_at(const Page& head, std::uint32_t number) const {
    return start(head) + std::uint64_t{number} * layout.size + layout.red_left_pad;
  }

  [[nodiscard]] void* link(const void* object) const {
    const std::byte* const place = static_cast<const std::byte*>(object) + layout.free_pointer;
    return disguised(*reinterpret_cast<void* const*>(place), place);
  }
  void set_link(void* object, void* next) const {
    std::byte* const place = static_cast<std::byte*>(object) + layout.free_pointer;
    *reinterpret_cast<void**>(place) = disguised(next, place);
  }

  // The first free object of a slab that has one; null: its list was broken, nothing is left of it.
  [[nodiscard]] void* take(Page& head) const {
    std::byte* const first = start(head);
    ++head.slab.inuse;
    if (head.slab.free == Page::kNoObject)
      return first + std::uint64_t{head.carved++} * layout.size + layout.red_left_pad;
    void* const object = first + head.slab.free;
    void* const next = link(object);
    const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(next) - first);
    head.slab.free = static_cast<std::uint32_t>(offset);
    if (next == nullptr)
      head.slab.free = Page::kNoObject;
    else if (offset >= std::uint64_t{head.slab.objects} * layout.size) [[unlikely]]
      return abandon(head);
    return object;
  }
  // Takes as many as there are and `out` has room for; returns how many. Fewer than both: the list
  // was broken.
  std::uint32_t take(Page& head, std::span<void*> out) const {
    std::byte* const first = start(head);
    const std::uint64_t end = std::uint64_t{head.slab.objects} * layout.size;
    const auto wanted = static_cast<std::uint32_t>(
        min_of<std::size_t>(out.size(), head.slab.objects - head.slab.inuse));
    void** const objects = out.data();
    std::uint32_t taken = 0;
    std::uint32_t free = head.slab.free;
    while (taken < wanted && free != Page::kNoObject) {
      void* const object = first + free;
      objects[taken++] = object;
      void* const next = link(object);
      const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(next) - first);
      free = static_cast<std::uint32_t>(offset);
      if (offset >= end) [[unlikely]] {
        free = Page::kNoObject;
        if (next == nullptr) break;
        abandon(head);
        return taken - 1;  // what held the link is not to be trusted
      }
    }
    std::byte* fresh = first + std::uint64_t{head.carved} * layout.size + layout.red_left_pad;
    head.carved += wanted - taken;
    for (; taken < wanted; fresh += layout.size) objects[taken++] = fresh;
    head.slab.free = free;
    head.slab.inuse = static_cast<std::uint16_t>(head.slab.inuse + wanted);
    return wanted;
  }
  // Whether `object` is what was put back last.
  [[nodiscard]] bool is_first_free(const Page& head, const void* object) const {
    return static_cast<const std::byte*>(object) == start(head) + head.slab.free;
  }
  // `object` lies in the slab and is in use.
  void put(Page& head, void* object) const {
    std::byte* const first = start(head);
    set_link(object, head.slab.free == Page::kNoObject ? nullptr : first + head.slab.free);
    head.slab.free =
        static_cast<std::uint32_t>(static_cast<std::byte*>(object) - first);
    --head.slab.inuse;
  }
  // Whatever is free in the slab stays so for ever: nobody gets it, nobody counts on it.
  void* abandon(Page& head) const {
    head.slab.inuse = head.slab.objects;
    head.carved = head.slab.objects;
    head.slab.free = Page::kNoObject;
    return nullptr;
  }

 private:
  [[nodiscard]] void* disguised(const void* next, const std::byte* place) const {
    return reinterpret_cast<void*>(reinterpret_cast<std::uintptr_t>(next) ^ secret ^
                                   __builtin_bswap64(reinterpret_cast<std::uintptr_t>(place)));
  }
};

}  // namespace quire
