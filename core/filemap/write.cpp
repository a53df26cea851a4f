// Writing into pages, and what is dirty.
#include <cstring>

#include "filemap/run.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kPageMask = kPageSize.raw() - 1;

}  // namespace

Result<Bytes> PageCache::write(File& file, const WriteRequest& request) {
  Mapping& mapping = file.mapping();
  const ExclusiveGuard guard(mapping.content);
  // Whoever appends does so behind what others have written by now.
  const std::uint64_t start = (file.mode().append ? mapping.size() : request.offset).raw();
  const std::uint64_t end = start + request.from.size();
  if (start > mapping.size().raw()) zero_tail(mapping, mapping.size());
  std::uint64_t at = start;
  Result<void> result;
  while (at < end && result.has_value()) {
    const std::uint64_t length = min_of(end, (at & ~kPageMask) + kPageSize.raw()) - at;
    const auto from = request.from.subspan(at - start, length);
    result = write_part(mapping, {Bytes{at}, from});
    if (!result.has_value()) break;
    at += length;
    balance_dirty(mapping);
  }
  const Bytes done{at - start};
  if (!result.has_value() && !done) return result.error();
  return done;
}

// `part` lies in one page.
Result<void> PageCache::write_part(Mapping& mapping, const WriteRequest& part) {
  const std::uint64_t at = part.offset.raw();
  const bool grows = at + part.from.size() > mapping.size().raw();
  if (mapping.is_sealed(Seals::kWrite | Seals::kFutureWrite) ||
      (grows && mapping.is_sealed(Seals::kGrow)))
    return Errno::kPermission;
  QUIRE_TRY_ASSIGN(page, page_to_write(mapping, part));
  std::memcpy(content_of(*page) + (at & kPageMask), part.from.data(), part.from.size());
  set_flag(*page, PageFlag::kUptodate);
  if (at + part.from.size() > mapping.size().raw())
    mapping.size_.store(at + part.from.size(), std::memory_order_release);
  set_dirty(*page);
  forget(*page);
  return {};
}

// Locked, and right outside of `part`.
Result<Page*> PageCache::page_to_write(Mapping& mapping, const WriteRequest& part) {
  const std::uint64_t at = part.offset.raw();
  const std::uint64_t start = at & ~kPageMask;
  const std::uint64_t end = at + part.from.size();
  for (;;) {
    QUIRE_TRY_ASSIGN(page, find_or_add_locked(mapping, at >> kPageShift, Behind::kAllowed));
    if (has_flag(*page, PageFlag::kUptodate)) return page;
    const bool keeps_head = at != start && mapping.size().raw() > start;
    const bool keeps_tail = end < start + kPageSize.raw() && mapping.size().raw() > end;
    if (!keeps_head && !keeps_tail) {
      std::byte* const content = content_of(*page);
      std::memset(content, 0, at - start);
      std::memset(content + (end - start), 0, start + kPageSize.raw() - end);
      return page;
    }
    const Result<void> read = read_page_locked(mapping, *page);
    parts_.lru.put(*page);
    if (!read.has_value()) return read.error();
  }
}

// What is behind the end of the file within its last page.
void PageCache::zero_tail(Mapping& mapping, Bytes from) {
  const std::uint64_t within = from.raw() & kPageMask;
  if (within == 0) return;
  Page* const page = find(mapping, from.raw() >> kPageShift);
  if (page == nullptr || !lock_in(mapping, *page)) return;
  std::memset(content_of(*page) + within, 0, kPageSize.raw() - within);
  forget(*page);
}

bool PageCache::set_dirty(Page& page) {
  if (test_and_set(page, PageFlag::kDirty)) return false;
  Mapping* const mapping = is_anonymous(page) ? nullptr : mapping_of(page);
  if (mapping == nullptr || mapping->is_shmem()) return true;
  const SpinGuard guard(mapping->lock);
  if (mapping_of(page) != mapping) return false;
  if (!mapping->pages_.any_has(::quire::index_of(CacheMark::kDirty)))
    mapping->dirtied_ns_.store(Arch::current()->host->now_ns(), std::memory_order_relaxed);
  mapping->pages_.set_mark(RadixTree::Index{offset_of(page)},
                           ::quire::index_of(CacheMark::kDirty));
  account(page, NodeItem::kNrDirty, 1);
  account(page, NodeItem::kNrDirtied, 1);
  account_pending(page, 1);
  return true;
}

// Of a locked page that is to be written: whether it is dirty, in a page table or here; not so any
// more. begin_write() follows.
bool PageCache::clear_dirty(Mapping& mapping, Page& page) {
  if (mapping.users_ != nullptr && mapping.users_->clean(mapping, page)) set_dirty(page);
  if (!test_and_clear(page, PageFlag::kDirty)) return false;
  account(page, NodeItem::kNrDirty, -1);
  account_pending(page, -1);
  return true;
}

void PageCache::begin_write(Mapping& mapping, Page& page) {
  const RadixTree::Index index{offset_of(page)};
  const SpinGuard guard(mapping.lock);
  set_flag(page, PageFlag::kWriteback);
  mapping.pages_.set_mark(index, ::quire::index_of(CacheMark::kWriteback));
  if (!has_flag(page, PageFlag::kDirty))
    mapping.pages_.clear_mark(index, ::quire::index_of(CacheMark::kDirty));
  mapping.pages_.clear_mark(index, ::quire::index_of(CacheMark::kToWrite));
  account(page, NodeItem::kNrWriteback, 1);
  account_pending(page, 1);
}

}  // namespace quire
