// Pages that come into the cache and leave it.
#include "filemap/page_cache.hpp"

namespace quire {

Result<KmemCache*> PageCache::make_node_cache(SlabCaches& caches) {
  return caches.create({.name = RadixTree::kNodeCache,
                        .shape = {.size = RadixTree::kNodeSize,
                                  .flags = SlabFlags::kReclaimAccount}});
}

void PageCache::open(Mapping& mapping) {
  const ExclusiveGuard guard(list_lock_);
  mapping.older_ = newest_;
  if (newest_ != nullptr) newest_->newer_ = &mapping;
  newest_ = &mapping;
}

void PageCache::evict(Mapping& mapping) {
  {
    const ExclusiveGuard guard(list_lock_);
    (mapping.newer_ == nullptr ? newest_ : mapping.newer_->older_) = mapping.older_;
    if (mapping.older_ != nullptr) mapping.older_->newer_ = mapping.newer_;
  }
  take_out(mapping, {0, kToTheEnd, Copies::kTakeToo});
}

Page* PageCache::new_page(Gfp more) {
  return parts_.pages.allocate_page(Gfp::kHighUserMovable | more, Arch::current()->node);
}

// `page` is locked, has a reference of the caller's and belongs to nobody. kExists: there is one
// at `index`. kFault: that is behind the end of the file.
Result<void> PageCache::add(Mapping& mapping, Page& page, std::uint64_t index, Behind behind) {
  constexpr unsigned kTries = 8;
  const std::uint64_t entry = raw(parts_.map.index_of(page));
  if (mapping.is_shmem()) set_flag(page, PageFlag::kSwapBacked);
  get_page(page);
  set_home(page, &mapping, index);
  Errno error{};
  for (unsigned tries = 0; tries < kTries; ++tries) {
    {
      const SpinGuard guard(mapping.lock);
      const bool cut = behind == Behind::kRefused && index >= mapping.end();
      const bool taken = mapping.pages_.load(index) != 0;
      if (!cut && !taken && mapping.pages_.store(RadixTree::Index{index}, entry).has_value()) {
        account_cached(mapping, page, 1);
        break;
      }
      error = cut ? Errno::kFault : taken ? Errno::kExists : Errno::kNoMemory;
    }
    // Nodes are taken without waiting: one that was waited for is at hand next time.
    void* const node = error == Errno::kNoMemory ? mapping.nodes_.alloc(Gfp::kKernel) : nullptr;
    if (node == nullptr || tries + 1 == kTries) {
      if (node != nullptr) mapping.nodes_.free(node);
      clear_home(page);
      static_cast<void>(drop_reference(page));
      return error;
    }
    mapping.nodes_.free(node);
  }
  parts_.lru.add(page);
  return {};
}

void PageCache::remove(Mapping& mapping, Page& page) {
  const std::uint64_t index = offset_of(page);
  {
    const SpinGuard guard(mapping.lock);
    if (mapping.pages_.has_mark(RadixTree::Index{index}, ::quire::index_of(CacheMark::kDirty))) {
      clear_flag(page, PageFlag::kDirty);
      account(page, NodeItem::kNrDirty, -1);
      account_pending(page, -1);
    }
    mapping.pages_.erase(index);
    account_cached(mapping, page, -1);
    if (mapping.blocks_ != nullptr) mapping.blocks_->give_back();
    clear_home(page);
  }
  parts_.lru.put(page);
}

void PageCache::account(const Page& page, NodeItem item, std::int64_t pages) const {
  const Zone& zone = parts_.nodes.zone_of(page.word_racy());
  mod_node_state(Arch::current()->percpu, parts_.nodes.node(zone.node), item, pages);
}

void PageCache::account_pending(const Page& page, std::int64_t pages) const {
  mod_zone_state(Arch::current()->percpu, parts_.nodes.zone_of(page.word_racy()),
                 ZoneItem::kNrZoneWritePending, pages);
}

void PageCache::account_cached(Mapping& mapping, const Page& page, std::int64_t pages) const {
  mapping.cached_.fetch_add(static_cast<std::uint64_t>(pages), std::memory_order_relaxed);
  account(page, NodeItem::kNrFilePages, pages);
  if (mapping.is_shmem()) account(page, NodeItem::kNrShmem, pages);
}

// Locks a page that was found without its lock. False: it has left the mapping meanwhile, and is
// neither locked nor referenced any more.
bool PageCache::lock_in(const Mapping& mapping, Page& page) {
  lock_page(page);
  if (mapping_of(page) == &mapping) return true;
  forget(page);
  return false;
}

Result<Page*> PageCache::find_or_add_locked(Mapping& mapping, std::uint64_t index,
                                            Behind behind) {
  for (;;) {
    if (Page* const page = find(mapping, index); page != nullptr) {
      if (lock_in(mapping, *page)) return page;
      continue;
    }
    if (mapping.blocks_ != nullptr) QUIRE_TRY(mapping.blocks_->take());
    const auto give_up = [&](Errno error) {
      if (mapping.blocks_ != nullptr) mapping.blocks_->give_back();
      return error;
    };
    Page* const page = new_page(mapping.is_shmem() ? Gfp::kZero : Gfp::kNone);
    if (page == nullptr) return give_up(Errno::kNoMemory);
    set_flag(*page, PageFlag::kLocked);
    // Zeros, and clean until somebody writes others.
    if (mapping.is_shmem()) set_flag(*page, PageFlag::kUptodate);
    const Result<void> added = add(mapping, *page, index, behind);
    if (added.has_value()) return page;
    forget(*page);
    if (give_up(added.error()) != Errno::kExists) return added.error();
  }
}

void PageCache::read_done(Page& page, Result<void> result) {
  if (result.has_value()) set_flag(page, PageFlag::kUptodate);
  unlock_page(page);
}

// Nothing is touched after the flag is clear: then the page may go, and its mapping.
void PageCache::write_done(Page& page, Result<void> result) {
  Mapping& mapping = *mapping_of(page);
  if (!result.has_value()) mapping.errors_.set(result.error());
  if (test_and_clear(page, PageFlag::kReclaim)) parts_.lru.rotate(page);
  {
    const SpinGuard guard(mapping.lock);
    mapping.pages_.clear_mark(RadixTree::Index{offset_of(page)},
                              ::quire::index_of(CacheMark::kWriteback));
    account(page, NodeItem::kNrWriteback, -1);
    account_pending(page, -1);
    account(page, NodeItem::kNrWritten, 1);
  }
  clear_flag(page, PageFlag::kWriteback);
}

}  // namespace quire
