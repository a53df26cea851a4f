// malloc() and free() as nearly every call goes: an object from, or into, the sheaf that this
// thread's CPU has at hand. Before the process has its machine, and while a thread has no CPU of
// its own, own_area has nothing at hand and no room, so that no path asks whether it has.
//
// Nobody but its thread ever touches a CPU's sheaves here, not even to drain them (Threads asks it
// to do that itself): unlike the kernel's, these paths need not say that they are busy.
//
// Cost  docs/PERFORMANCE.md: malloc.64_pair.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "malloc/size_classes.hpp"
#include "malloc/threads.hpp"

namespace quire::preload {

// Written once, when the machine has booted; variables of their own: each is one operand.
#pragma GCC visibility push(hidden)
extern constinit std::array<std::uint16_t, kTableSlots> slab_of;  // a size's CpuSlab, by words
extern constinit std::byte* frames;                               // the machine's frame window
extern constinit std::uint64_t frame_bytes;
extern constinit Page* frame_pages;                               // and its memory map
#pragma GCC visibility pop

[[gnu::always_inline]] inline void* pop(const CpuSlab& slab) {
  Sheaf& sheaf = *slab.active.load(std::memory_order_relaxed);
  std::uint64_t left = 0;
  if (__builtin_sub_overflow(sheaf.count, std::uint64_t{1}, &left)) [[unlikely]] return nullptr;
  sheaf.count = left;
  void* const object = sheaf.objects()[left];
  if (object == nullptr) __builtin_unreachable();
  return object;
}

[[gnu::always_inline]] inline bool push(const CpuSlab& slab, void* object) {
  Sheaf& sheaf = *slab.active.load(std::memory_order_relaxed);
  const std::uint64_t count = sheaf.count;
  if (count >= sheaf.limit) [[unlikely]] return false;
  sheaf.objects()[count] = object;
  sheaf.count = count + 1;
  return true;
}

// Null: ask the heap.
[[gnu::always_inline]] inline void* take_at_hand(std::size_t size) {
  if (size > kMostTabled) [[unlikely]] return nullptr;
  return pop(own_slab(slab_of.data()[table_slot(size)]));
}

// False: ask put_elsewhere(). That the block is of the cache that was freed to last is guessed, so
// that the processor need not wait for the page's tag to arrive from memory.
[[gnu::always_inline]] inline bool put_at_hand(void* block) {
  const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(block) - frames);
  if (offset >= frame_bytes) [[unlikely]] return false;
  const CpuSlab& slab = *recent_slab;
  if (slab.tag != frame_pages[offset >> kPageShift].mapping) [[unlikely]] return false;
  return push(slab, block);
}

// The same without a guess; false: ask the heap.
inline bool put_elsewhere(void* block) {
  const auto offset = static_cast<std::uint64_t>(static_cast<std::byte*>(block) - frames);
  if (offset >= frame_bytes) return false;
  const SlabTag tag{frame_pages[offset >> kPageShift].mapping};
  CpuSlab& slab = own_slab(tag.cpu_slab());
  if (slab.tag != tag.raw() || tag == SlabTag{}) return false;
  recent_slab = &slab;
  return push(slab, block);
}

}  // namespace quire::preload
