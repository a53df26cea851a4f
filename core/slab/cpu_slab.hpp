// What one CPU keeps of one cache: sheaves of free objects, from which nearly every allocation is
// served and to which nearly every free goes, without a call and without a locked instruction.
//
// The hot path tests nothing but whether the active sheaf has an object, or room. Whoever else
// wants a CPU's sheaves shows it an empty one with no room; so do caches whose objects must be
// looked at on each call. So there is no claim, no flag and no switch to ask about.
//
// Locking   pop() and push() only on the CPU whose it is. The rest of CpuSlab: its lock, held by
//           the CPU (try_lock) or by whoever has claimed it.
// Cost      pop() 8 and push() 8 instructions.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "zone/zone.hpp"

namespace quire {

class KmemCache;

// Free objects of one cache, the newest on top; they follow the header.
struct Sheaf {
  std::uint64_t count = 0;
  std::uint64_t limit = 0;
  Sheaf* next = nullptr;  // in a barn

  [[nodiscard]] void** objects() { return reinterpret_cast<void**>(this + 1); }
  [[nodiscard]] bool full() const { return count == limit; }
};
static_assert(sizeof(Sheaf) == 24);

constexpr Bytes sheaf_size(std::uint32_t capacity) {
  return Bytes{sizeof(Sheaf) + std::uint64_t{capacity} * sizeof(void*)};
}

// What hot paths see where there is nothing for them: no object, no room. Never written.
inline constexpr Sheaf kNoSheaf{};
constexpr Sheaf* no_sheaf() { return const_cast<Sheaf*>(&kNoSheaf); }

// In Page::mapping of every page of a slab: which cache it is of, and of which node. A CPU whose
// CpuSlab bears the same tag may keep the objects.
class SlabTag {
 public:
  constexpr SlabTag() = default;
  constexpr explicit SlabTag(std::uint64_t raw) : raw_(raw) {}
  constexpr SlabTag(std::uint32_t cpu_slab, NodeId node)
      : raw_(kMark | std::uint64_t{index_of(node)} << 32 | cpu_slab) {}

  [[nodiscard]] constexpr std::uint64_t raw() const { return raw_; }
  // Where in each per-CPU area the cache's CpuSlab lies.
  [[nodiscard]] constexpr std::uint32_t cpu_slab() const {
    return static_cast<std::uint32_t>(raw_);
  }
  [[nodiscard]] constexpr NodeId node() const {
    return NodeId{static_cast<std::uint16_t>(raw_ >> 32)};
  }
  constexpr bool operator==(const SlabTag&) const = default;

 private:
  static constexpr std::uint64_t kMark = std::uint64_t{0x51ab} << 48;

  std::uint64_t raw_ = 0;
};

struct alignas(64) CpuSlab {
  PcpLock lock;
  std::atomic<Sheaf*> active = no_sheaf();  // main, or the empty one
  std::uint64_t tag = 0;                    // of slabs of this cache on the CPU's node
  Sheaf* main QUIRE_GUARDED_BY(lock) = nullptr;
  Sheaf* spare QUIRE_GUARDED_BY(lock) = nullptr;
  KmemCache* cache = nullptr;

  // The newest object at hand; null: there is none, look elsewhere.
  [[gnu::always_inline]] void* pop() {
    lock.enter();
    Sheaf* const sheaf = active.load(std::memory_order_acquire);
    std::uint64_t left = 0;
    if (__builtin_sub_overflow(sheaf->count, 1u, &left)) [[unlikely]] {
      lock.unlock();
      return nullptr;
    }
    sheaf->count = left;
    void* const object = sheaf->objects()[left];
    lock.unlock();
    if (object == nullptr) __builtin_unreachable();
    return object;
  }

  // False: there is no room, put it elsewhere.
  [[gnu::always_inline]] bool push(void* object) {
    lock.enter();
    Sheaf* const sheaf = active.load(std::memory_order_acquire);
    const std::uint64_t count = sheaf->count;
    if (count >= sheaf->limit) [[unlikely]] {
      lock.unlock();
      return false;
    }
    // As far as the compiler knows the count may be there, so that it is changed in place: one
    // instruction less.
    using Slot [[gnu::may_alias]] = void*;
    reinterpret_cast<Slot*>(sheaf + 1)[count] = object;
    ++sheaf->count;
    lock.unlock();
    return true;
  }
};
static_assert(sizeof(CpuSlab) == 64);

}  // namespace quire
