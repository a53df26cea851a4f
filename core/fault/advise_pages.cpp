// What a program says of pages that it will not need soon, or not as they are.
#include "fault/mapped_pages.hpp"
#include "fault/page_ranges.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kUsed = raw(Prot::kAccessed);
constexpr std::uint64_t kWritten = raw(Prot::kDirty);

// Takes bits out of entries and has translations that know them forgotten in the end.
class BitEraser {
 public:
  explicit BitEraser(Mm& mm) : mm_(mm) {}
  ~BitEraser() {
    if (!changed_.empty()) mm_.parts.tlb.flush_range(mm_.tlb, {.range = changed_});
  }
  BitEraser(const BitEraser&) = delete;
  BitEraser& operator=(const BitEraser&) = delete;

  void erase(const MappedPage& mapped, std::uint64_t bits) {
    if ((mapped.entry.raw() & bits) == 0) return;
    exchange_entry(mm_.tables.format(), mapped.slot, Entry{mapped.entry.raw() & ~bits});
    if (changed_.empty()) changed_.start = mapped.at;
    changed_.end = mapped.at + kPageSize;
  }

 private:
  Mm& mm_;
  VirtRange changed_{};
};

bool is_lazy(const Page& page) {
  return is_anonymous(page) && !has_flag(page, PageFlag::kSwapBacked);
}

// Pages that others map too are theirs to judge.
bool may_cool(const Page& page) { return mapcount(page) == 1 && has_flag(page, PageFlag::kLru); }

class PageOut {
 public:
  explicit PageOut(Vma& vma) : vma_(vma), mm_(*vma.mm) {}

  static constexpr Bytes kPart = size_of(PageCount{64});

  // `range` lies within one table and is no longer than kPart.
  void out(VirtRange range) {
    const std::uint64_t leaving = chosen(range);
    if (leaving == 0) return;
    std::uint64_t kept = 0;
    for_each(range, leaving, [&](VirtAddr at) { kept += drop(at) ? 0 : 1; });
    if (vma_.file == nullptr || kept == 0) return;
    // They were dirty, or still are: those that are written at once can go at once.
    mm_.parts.cache.write_back(vma_.file->mapping(), PageCount{kept});
    mm_.parts.lru.drain_here();
    for_each(range, leaving, [&](VirtAddr at) { static_cast<void>(drop_cached(at)); });
  }

 private:
  // The pages of `range` that are to leave, a bit each.
  [[nodiscard]] std::uint64_t chosen(VirtRange range) {
    std::uint64_t leaving = 0;
    BitEraser eraser(mm_);
    for_each_mapped_page(vma_, range, [&](const MappedPage& mapped) {
      const PageWord word = mapped.page.word_racy();
      // What is in memory alone has nowhere to go: there is no swap.
      if (!may_cool(mapped.page) || word.has(PageFlag::kSwapBacked) ||
          word.has(PageFlag::kUnevictable))
        return;
      eraser.erase(mapped, kUsed);
      clear_flag(mapped.page, PageFlag::kReferenced);
      leaving |= std::uint64_t{1} << whole_pages(mapped.at - range.start).raw();
    });
    return leaving;
  }

  template <class Visit>
  static void for_each(VirtRange range, std::uint64_t leaving, Visit visit) {
    for (VirtAddr at = range.start; at < range.end; at += kPageSize, leaving >>= 1)
      if ((leaving & 1) != 0) visit(at);
  }

  bool drop(VirtAddr at) {
    if (vma_.file == nullptr) return drop_lazy(at);
    const VirtRange one{at, at + kPageSize};
    TlbGather gather(mm_.parts.tlb, mm_.tlb, mm_.parts.pages, mm_.parts.lru);
    zap(vma_, one, gather, Zap::kFilePages);
    gather.finish();
    return drop_cached(at);
  }
  bool drop_cached(VirtAddr at) {
    const PageCache::Want want{vma_.index_of(at), 1};
    return mm_.parts.cache.invalidate(vma_.file->mapping(), want) == 1;
  }

  // The page at `at`, if its content was given up and nobody has written to it since.
  bool drop_lazy(VirtAddr at) {
    const EntrySlot slot = mm_.tables.find_slot(at);
    Page* page = nullptr;
    {
      const TableGuard guard(mm_.parts.map.at(slot.page));
      const Entry entry = mm_.tables.load(slot);
      if (!entry.present()) return false;
      page = mm_.parts.map.page_of(mm_.tables.format().frame_of(PageLevel::kPte, entry));
      const bool free = is_lazy(*page) && references_to(*page) == 1 &&
                        !has_flag(*page, PageFlag::kDirty);
      if (!free || (entry.raw() & kWritten) != 0) return false;
      const Entry last = mm_.tables.store(slot, Entry{});
      mm_.parts.tlb.flush_page(mm_.tlb, at);
      if ((last.raw() & kWritten) != 0) {
        mm_.tables.store(slot, last);
        return false;
      }
      remove_mapping(*page, vma_);
    }
    mm_.parts.lru.put(*page);
    count_event(Arch::current()->percpu, VmEvent::kPglazyfreed, 1);
    return true;
  }

  Vma& vma_;
  Mm& mm_;
};

}  // namespace

void free_lazily(Vma& vma, VirtRange range) {
  Lru& lru = vma.mm->parts.lru;
  lru.drain_here();
  BitEraser eraser(*vma.mm);
  for_each_mapped_page(vma, range, [&](const MappedPage& mapped) {
    if (!is_anonymous(mapped.page)) return;
    if (has_flag(mapped.page, PageFlag::kDirty)) {
      if (mapcount(mapped.page) != 1) return;
      clear_flag(mapped.page, PageFlag::kDirty);
    }
    eraser.erase(mapped, kUsed | kWritten);
    lru.lazy_free(mapped.page);
  });
}

void make_cold(Vma& vma, VirtRange range) {
  Lru& lru = vma.mm->parts.lru;
  lru.drain_here();
  BitEraser eraser(*vma.mm);
  for_each_mapped_page(vma, range, [&](const MappedPage& mapped) {
    if (!may_cool(mapped.page)) return;
    eraser.erase(mapped, kUsed);
    clear_flag(mapped.page, PageFlag::kReferenced);
    lru.deactivate(mapped.page);
  });
}

void page_out(Vma& vma, VirtRange range) {
  const PageTables& tables = vma.mm->tables;
  vma.mm->parts.lru.drain_here();
  PageOut page_out(vma);
  for (VirtAddr at = range.start; at < range.end;) {
    const PageLevel level = tables.find_slot(at).level;
    const Bytes size = level == PageLevel::kPte ? PageOut::kPart : tables.format().at(level).size();
    const VirtAddr next = min_of(at.align_down(size) + size, range.end);
    if (level == PageLevel::kPte) page_out.out({at, next});
    at = next;
  }
}

}  // namespace quire
