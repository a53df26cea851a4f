// A page's side of being mapped: its count of entries, what it belongs to, and the counters that
// follow from the first and the last of them.
//
// Locking  The lock of the table whose entry is written is held.
// Source   Documentation/admin-guide/mm/pagemap.rst (kpagecount), filesystems/proc.rst
//          (AnonPages, Mapped).
#pragma once

#include <array>

#include "base/base.hpp"
#include "memmap/memmap.hpp"
#include "rmap/anon_vma.hpp"
#include "vma/vma.hpp"

namespace quire {

// Of an anonymous page.
inline AnonVma& anon_vma_of(const Page& page) {
  const auto home = reinterpret_cast<std::uintptr_t>(home_of(page));
  return *reinterpret_cast<AnonVma*>(home & ~std::uintptr_t{kAnonHome});
}

inline std::int32_t mapcount(const Page& page) {
  return __atomic_load_n(&page.mapcount, __ATOMIC_RELAXED);
}
// A new anonymous page gets its first entry, in `vma` at `at`; nobody else can see it yet.
void add_new_anonymous(Page& page, Vma& vma, VirtAddr at);
// The same for `copy`, and what was there until now has one entry less.
void replace_by_anonymous(Page& copy, Page& old, Vma& vma, VirtAddr at);
// Its AnonVma from now on is that of `vma`, whose Mm alone has it (page_move_anon_rmap).
void move_to(Page& page, const Vma& vma);
// One entry more, of a file's page.
void add_file_mapping(Page& page, Vma& vma);
// One entry less.
void remove_mapping(Page& page, Vma& vma);

// What a resident page counts as.
inline Rss rss_kind_of(const Page& page) {
  if (is_anonymous(page)) return Rss::kAnon;
  return page.word_racy().has(PageFlag::kSwapBacked) ? Rss::kShmem : Rss::kFile;
}

// Entries of one Mm that come or go many at a time: counters change when this ends.
class MappingCounts {
 public:
  explicit MappingCounts(Mm& mm) : mm_(mm) {}
  ~MappingCounts();
  MappingCounts(const MappingCounts&) = delete;
  MappingCounts& operator=(const MappingCounts&) = delete;

  // One more entry of a page that is mapped already, with a reference (fork).
  void share(Page& page) {
    __atomic_fetch_add(&page.references, (std::uint64_t{1} << 32) + 1, __ATOMIC_RELAXED);
    ++resident_.data()[static_cast<unsigned>(rss_kind_of(page))];
  }
  // One entry less.
  void remove(Page& page) {
    const Rss kind = rss_kind_of(page);
    --resident_.data()[static_cast<unsigned>(kind)];
    if (__atomic_fetch_sub(&page.mapcount, 1, __ATOMIC_RELAXED) != 1) return;
    const PageWord word = page.word_racy();
    if (word.zone() != gone_from_.zone()) [[unlikely]] count_gone(word);
    ++gone_.data()[kind == Rss::kAnon ? 0 : 1];
  }

 private:
  void count_gone(PageWord next);

  Mm& mm_;
  std::array<std::int64_t, kRssKinds> resident_{};
  // Pages of one zone that nothing maps any more: anonymous ones, and files'.
  PageWord gone_from_;
  std::array<std::int64_t, 2> gone_{};
};

// Every place where `page` may be mapped: visit(Vma&, VirtAddr), until it says false. The page is
// anonymous, and its lock or a table's lock keeps its AnonVma.
template <class Visit>
void for_each_place(const Page& page, Visit visit) {
  AnonVma& family = anon_vma_of(page);
  const SpinGuard guard(family.lock());
  const std::uint64_t index = offset_of(page);
  const Interval one{index, index};
  for (IntervalNode* node = family.chains.first_in(one); node != nullptr;
       node = family.chains.next_in(*node, one)) {
    Vma& vma = *static_cast<AnonVmaChain*>(node)->vma;
    if (!visit(vma, vma.address_of(index))) return;
  }
}

}  // namespace quire
