// Pages that leave: cut off, or given up because nobody uses them.
#include "filemap/run.hpp"

namespace quire {

Result<void> PageCache::truncate(Mapping& mapping, Bytes size) {
  const ExclusiveGuard guard(mapping.content);
  const Bytes old = mapping.size();
  if (size >= old) {
    zero_tail(mapping, old);
    mapping.size_.store(size.raw(), std::memory_order_release);
  } else {
    mapping.size_.store(size.raw(), std::memory_order_release);
    take_out(mapping, pages_to_hold(size).raw());
    zero_tail(mapping, size);
  }
  if (mapping.file_ == nullptr) return {};
  return mapping.file_->resize(size);
}

// All pages from `first` on, out of page tables too.
void PageCache::take_out(Mapping& mapping, std::uint64_t first) {
  const MappingUsers::Part part{first, ~std::uint64_t{0} - first, Copies::kTakeToo};
  if (mapping.users_ != nullptr) mapping.users_->unmap(mapping, part);
  for (std::uint64_t index = first;;) {
    Page* const page = mapping.next(array_, index);
    if (page == nullptr) break;
    index = offset_of(*page) + 1;
    if (!lock_in(mapping, *page)) continue;
    wait_for(*page, PageFlag::kWriteback);
    remove(mapping, *page);
    forget(*page);
  }
  // Whoever copied a page for itself while it was still here has a copy of what is gone.
  if (mapping.users_ != nullptr) mapping.users_->unmap(mapping, part);
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
