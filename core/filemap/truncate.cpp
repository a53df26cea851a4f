// Pages that leave: cut off, or given up because nobody uses them; and what of a file is to be.
#include <cstring>

#include "filemap/run.hpp"

namespace quire {

Result<void> PageCache::truncate(Mapping& mapping, Bytes size) {
  const ExclusiveGuard guard(mapping.content);
  const Bytes old = mapping.size();
  if ((size > old && mapping.is_sealed(Seals::kGrow)) ||
      (size < old && mapping.is_sealed(Seals::kShrink)))
    return Errno::kPermission;
  // Where that is refused nothing has changed (decision 54).
  if (mapping.file_ != nullptr) QUIRE_TRY(mapping.file_->resize(size));
  if (size >= old) {
    zero_tail(mapping, old);
    mapping.size_.store(size.raw(), std::memory_order_release);
    return {};
  }
  mapping.size_.store(size.raw(), std::memory_order_release);
  take_out(mapping, {pages_to_hold(size).raw(), kToTheEnd, Copies::kTakeToo});
  zero_tail(mapping, size);
  if (mapping.file_ == nullptr) return {};
  // A page that was on its way may have made the file longer again. An error here is told, of a
  // file that is cut in memory.
  return mapping.file_->resize(size);
}

Result<void> PageCache::punch(Mapping& mapping, const Extent& hole) {
  const ExclusiveGuard guard(mapping.content);
  if (!mapping.is_shmem()) return Errno::kNotSupported;
  if (mapping.is_sealed(Seals::kWrite | Seals::kFutureWrite)) return Errno::kPermission;
  const Bytes end = hole.start + hole.length;
  const std::uint64_t first = pages_to_hold(hole.start).raw();
  const std::uint64_t behind = whole_pages(end).raw();
  if (first < behind) take_out(mapping, {first, behind - first, Copies::kKeep});
  // What is left lies within one page, or within the pages before and behind.
  const Bytes head = min_of(size_of(PageCount{first}), end);
  zero_within(mapping, {hole.start, head - hole.start});
  const Bytes tail = size_of(PageCount{behind});
  if (head < end) zero_within(mapping, {tail, end - tail});
  return {};
}

// `part` lies within one page; where there is none, nothing is to be done.
void PageCache::zero_within(Mapping& mapping, const Extent& part) {
  if (!part.length) return;
  Page* const page = find(mapping, part.start.raw() >> kPageShift);
  if (page == nullptr || !lock_in(mapping, *page)) return;
  std::memset(content_of(*page) + (part.start.raw() & (kPageSize.raw() - 1)), 0,
              part.length.raw());
  forget(*page);
}

// All pages of `part`, out of page tables too.
void PageCache::take_out(Mapping& mapping, const MappingUsers::Part& part) {
  if (mapping.users_ != nullptr) mapping.users_->unmap(mapping, part);
  for (std::uint64_t index = part.first;;) {
    Page* const page = mapping.next(array_, index);
    if (page == nullptr) break;
    index = offset_of(*page) + 1;
    if (index - 1 - part.first >= part.count) {
      parts_.lru.put(*page);
      break;
    }
    if (!lock_in(mapping, *page)) continue;
    wait_for(*page, PageFlag::kWriteback);
    remove(mapping, *page);
    forget(*page);
  }
  parts_.lru.drain_here();
  // Whoever copied a page for itself while it was still here has a copy of what is gone.
  if (mapping.users_ != nullptr) mapping.users_->unmap(mapping, part);
}

Result<void> PageCache::allocate(Mapping& mapping, const Extent& part, SizeChange change) {
  const ExclusiveGuard guard(mapping.content);
  if (!mapping.is_shmem()) return Errno::kNotSupported;
  const Bytes end = part.start + part.length;
  const bool grows = change == SizeChange::kGrow && end > mapping.size();
  if (grows && mapping.is_sealed(Seals::kGrow)) return Errno::kPermission;
  for (std::uint64_t index = whole_pages(part.start).raw(); index < pages_to_hold(end).raw();
       ++index) {
    const Result<Page*> page = find_or_add_locked(mapping, index, Behind::kAllowed);
    if (!page.has_value()) return page.error();
    forget(**page);
  }
  if (grows) {
    zero_tail(mapping, mapping.size());
    mapping.size_.store(end.raw(), std::memory_order_release);
  }
  return {};
}

Result<void> PageCache::add_seals(Mapping& mapping, Seals seals) {
  const ExclusiveGuard guard(mapping.content);
  if (mapping.is_sealed(Seals::kSeal)) return Errno::kPermission;
  const bool newly = any_of(seals, Seals::kWrite) && !mapping.is_sealed(Seals::kWrite);
  if (newly && mapping.users_ != nullptr && mapping.users_->has_writers()) return Errno::kBusy;
  mapping.set_seals(mapping.seals() | seals);
  return {};
}

std::uint64_t PageCache::invalidate(Mapping& mapping, const Want& want) {
  std::uint64_t count = 0;
  for (std::uint64_t index = want.index; index - want.index < want.count; ++index) {
    Page* const page = mapping.next(array_, index);
    if (page == nullptr) break;
    index = offset_of(*page);
    const bool tried = index - want.index < want.count && try_lock_page(*page);
    const bool gone = tried && remove_if_unused(mapping, *page);
    if (tried) unlock_page(*page);
    count += gone ? 1 : 0;
    if (tried && !gone) parts_.lru.deactivate_file(*page);
    parts_.lru.put(*page);
  }
  return count;
}

// `page` is locked. Its users are the cache and the caller, and it is clean.
bool PageCache::remove_if_unused(Mapping& mapping, Page& page) {
  if (mapping.is_shmem() || mapping_of(page) != &mapping) return false;
  const PageWord word = page.word_racy();
  if (word.has(PageFlag::kDirty) || word.has(PageFlag::kWriteback) || references_to(page) != 2)
    return false;
  remove(mapping, page);
  return true;
}

std::uint64_t PageCache::drop_caches() {
  parts_.lru.drain_all();
  const SharedGuard guard(list_lock_);
  std::uint64_t count = 0;
  for (Mapping* at = newest_; at != nullptr; at = at->older_)
    count += invalidate(*at, {0, ~std::uint64_t{0}});
  return count;
}

}  // namespace quire
