// Taking pages away from an address space in one go (mmu_gather): entries are cleared first, then
// one flush makes every CPU forget them, and only then are the pages free for others.
//
//   TlbGather gather(tlb, mm, pages, release);
//   for each entry: clear it, gather.cleared(at, shift); gather.free_later(page);
//
// Ownership  A reference handed to free_later() is the gather's until it has `release` drop it;
//            what it remembers pages in comes from `pages`.
// Locking    One task's, on its stack. While it lives, stale translations of `mm` are excused, and
//            finish() (or its end) flushes.
// Errors     None. Where no memory is left to remember pages in, it flushes early.
// Source     Documentation/core-api/cachetlb.rst.
#pragma once

#include <array>
#include <cstdint>

#include "base/base.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/page_release.hpp"
#include "pagetable/tlb.hpp"

namespace quire {

class TlbGather {
 public:
  TlbGather(Tlb& tlb, TlbMm& mm, PageAllocator& pages, PageRelease& release);
  ~TlbGather();
  TlbGather(const TlbGather&) = delete;
  TlbGather& operator=(const TlbGather&) = delete;

  // The entry that mapped 2^shift bytes at `at` is cleared.
  void cleared(VirtAddr at, unsigned shift = kPageShift);
  // Entries of this size are cleared, of which these are the first and the last.
  void cleared(VirtRange entries, unsigned shift = kPageShift);
  // Drops a reference to `page` after the flush.
  void free_later(Page& page) {
    if (room_ == 0) [[unlikely]] make_room();
    *next_++ = pages_.map().index_of(page);
    --room_;
  }
  // How many pages free_later() takes now without asking for memory or flushing: at least one. For
  // whoever holds a table's lock then, called before it is taken.
  std::uint32_t make_room() {
    if (room_ == 0) [[unlikely]] find_room();
    return room_;
  }
  // Flushes what was cleared and releases what waits for it; more may follow.
  void finish();

  // Pages that may wait before a flush.
  static constexpr unsigned kMost = 10'000;

 private:
  static constexpr std::uint32_t kFirst = 8;
  // What waits, in a frame of its own.
  struct Batch {
    Batch* next = nullptr;
    std::uint32_t count = 0;  // once another has come
    static constexpr std::uint32_t kPages = (kPageSize.raw() - 16) / sizeof(PageIndex);
    std::array<PageIndex, kPages> pages;
  };
  static_assert(sizeof(Batch) <= kPageSize.raw());

  void find_room();
  bool add_batch();
  void release_waiting();

  Tlb& tlb_;
  TlbMm& mm_;
  PageAllocator& pages_;
  PageRelease& release_;
  VirtRange range_{};
  std::uint8_t stride_shift_ = 0;  // of the smallest entry; 0: nothing was cleared
  std::array<PageIndex, kFirst> first_;
  // Where the next page goes, and how many can go there.
  std::uint32_t room_ = kFirst;
  std::uint32_t given_ = kFirst;  // room that there has been since the last flush
  PageIndex* next_ = first_.data();
  Batch* batches_ = nullptr;      // the newest first
};

}  // namespace quire
