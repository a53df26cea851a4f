// kmalloc: memory of any size, from caches of Linux's sizes; what is larger comes in pages.
//
//   sizes   8 to 8192 by powers of two, and 96 and 192
//   kinds   normal, DMA, reclaimable, and charged to a cgroup; each with caches of its own
//
// Units       Sizes in bytes.
// Ownership   Memory belongs to whoever got it, until it is freed; the cache is found by address.
// Locking     As the caches. free() may come with spinlocks below LockRank::kSlabNode held.
// Errors      Null when there is no memory; kZeroSize, which may be freed, for no bytes. What was
//             never allocated is reported and left alone.
// Cost        docs/PERFORMANCE.md: slab.kmalloc64_pair, where size and gfp are known to the
//             compiler; 21 more where they are not.
// Source      Documentation/core-api/memory-allocation.rst; /proc/slabinfo of the running kernel.
#pragma once

#include "slab/slab_caches.hpp"

namespace quire {

enum class KmallocKind : std::uint8_t { kNormal, kDma, kCgroup, kReclaim };
inline constexpr unsigned kKmallocKinds = 4;

inline constexpr std::size_t kMaxKmallocCache = 2 * kPageSize.raw();
inline constexpr unsigned kKmallocSizes = 14;  // by Linux's index; 0 is none

// What an allocation of no bytes gives.
inline void* zero_size_pointer() { return reinterpret_cast<void*>(16); }
inline bool is_zero_size_or_null(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer) <= 16;
}

// 1 is 96, 2 is 192, others are 2^index; `size` is from 1 to kMaxKmallocCache.
inline constexpr std::array<std::uint8_t, 24> kKmallocIndexTo192 = {
    3, 4, 5, 5, 6, 6, 6, 6, 1, 1, 1, 1, 7, 7, 7, 7, 2, 2, 2, 2, 2, 2, 2, 2};
constexpr unsigned kmalloc_index(std::size_t size) {
  return size > 192 ? fls(size - 1) : kKmallocIndexTo192.data()[(size - 1) / 8];
}
constexpr std::size_t kmalloc_size(unsigned index) {
  return index == 1 ? 96 : index == 2 ? 192 : std::size_t{1} << index;
}

constexpr KmallocKind kmalloc_kind(Gfp gfp) {
  if (!any(gfp & (Gfp::kDmaZone | Gfp::kAccount | Gfp::kReclaimable))) [[likely]]
    return KmallocKind::kNormal;
  if (any(gfp & Gfp::kDmaZone)) return KmallocKind::kDma;
  return any(gfp & Gfp::kReclaimable) ? KmallocKind::kReclaim : KmallocKind::kCgroup;
}

// Where kvmalloc() goes for what is not to be had in one piece.
class VirtualMemory {
 public:
  virtual void* allocate(Bytes size, Gfp gfp, NodeId node) = 0;
  [[nodiscard]] virtual bool owns(const void* memory) const = 0;
  virtual void free(void* memory) = 0;

 protected:
  ~VirtualMemory() = default;
};

class Kmalloc {
 public:
  explicit Kmalloc(SlabCaches& caches) : caches_(caches) {}
  Kmalloc(const Kmalloc&) = delete;
  Kmalloc& operator=(const Kmalloc&) = delete;

  // Makes the caches: once, while the machine boots. Errors: kNoMemory.
  Result<void> init();
  void use(VirtualMemory& memory) { virtual_ = &memory; }

  [[nodiscard]] void* alloc(std::size_t size, Gfp gfp);
  [[nodiscard]] void* alloc_node(std::size_t size, Gfp gfp, NodeId node);
  void free(void* memory);

  // Bytes that the owner of `memory` may use.
  [[nodiscard]] Bytes usable_size(const void* memory) const;
  // Memory of the new size with the old content; on failure null, and the old memory stays.
  [[nodiscard]] void* realloc(void* memory, std::size_t size, Gfp gfp);

  // In one piece if that is easy, else scattered over pages: an address of the kernel's tables,
  // at which nothing lies for a host that does not use them (VmallocSpace::read, write).
  [[nodiscard]] void* kvmalloc(std::size_t size, Gfp gfp, NodeId node = kNoNode);
  void kvfree(void* memory);

  // The cache that serves a size, at most kMaxKmallocCache.
  [[nodiscard]] KmemCache& cache_for(std::size_t size, KmallocKind kind) const {
    return *cache(kind, kmalloc_index(size));
  }

 private:
  [[nodiscard]] KmemCache* cache(KmallocKind kind, unsigned index) const {
    return by_size_[static_cast<unsigned>(kind)][index];
  }
  [[gnu::noinline]] void* alloc_slow(std::size_t size, Gfp gfp, NodeId node);
  [[gnu::noinline]] void free_slow(void* memory);
  void* alloc_pages(std::size_t size, Gfp gfp, NodeId node);
  void free_pages(Page& head);
  void count_pages(const Page& page, std::int64_t pages) const;
  [[nodiscard]] Page* head_of(const void* memory) const;

  // What hot paths need.
  std::uintptr_t frames_ = 0;
  std::uint64_t frame_count_ = 0;
  PageArray pages_;
  std::array<std::array<std::uint32_t, kKmallocSizes>, kKmallocKinds> cpu_slabs_{};

  SlabCaches& caches_;
  VirtualMemory* virtual_ = nullptr;
  std::array<std::array<KmemCache*, kKmallocSizes>, kKmallocKinds> by_size_{};
};

[[gnu::always_inline]] inline void* Kmalloc::alloc(std::size_t size, Gfp gfp) {
  if (size - 1 < kMaxKmallocCache) [[likely]] {
    const auto kind = static_cast<unsigned>(kmalloc_kind(gfp));
    const std::uint32_t place = cpu_slabs_.data()[kind].data()[kmalloc_index(size)];
    CpuSlab& slab = percpu_at<CpuSlab>(Arch::current()->percpu, place);
    if (void* const memory = slab.pop(); memory != nullptr) [[likely]] {
      if (any(gfp & Gfp::kZero)) std::memset(memory, 0, size);
      return memory;
    }
  }
  return alloc_slow(size, gfp, kNoNode);
}

[[gnu::always_inline]] inline void Kmalloc::free(void* memory) {
  const std::uint64_t index = (reinterpret_cast<std::uintptr_t>(memory) - frames_) >> kPageShift;
  if (index >= frame_count_) [[unlikely]] return free_slow(memory);
  const Page& page = *(&pages_.at(PageIndex::kNone) + index);
  if (!page.word.is(PageKind::kSlab)) [[unlikely]] return free_slow(memory);
  CpuSlab& slab = percpu_at<CpuSlab>(Arch::current()->percpu, SlabTag{page.mapping}.cpu_slab());
  if (slab.tag != page.mapping) [[unlikely]] return free_slow(memory);
  if (!slab.push(memory)) [[unlikely]] free_slow(memory);
}

}  // namespace quire
