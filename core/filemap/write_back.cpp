// Writing dirty pages back, and how many there may be.
#include <cstring>

#include "filemap/run.hpp"

namespace quire {
namespace {

constexpr PageCount kWriterShare{256};  // that a writer has written at a time
constexpr PageCount kNoLimit{~std::uint64_t{0}};

PageCount node_pages(const Nodes& nodes, NodeItem item) {
  return PageCount{global_node_state(nodes, item)};
}

}  // namespace

void PageCache::balance_dirty(Mapping& mapping) {
  if (mapping.is_shmem()) return;
  // Looked at every so often: the sum over all zones is dear.
  if (writes_.fetch_add(1, std::memory_order_relaxed) % kWritesBetweenLooks != 0) return;
  const DirtyLimits limits = parts_.dirty.limits();
  const auto dirty = [&] { return node_pages(parts_.nodes, NodeItem::kNrDirty); };
  const auto under_way = [&] { return node_pages(parts_.nodes, NodeItem::kNrWriteback); };
  if (dirty() + under_way() <= limits.background) return;
  if (dirty() > limits.background) parts_.dirty.wake_flusher();
  const PageCount free_run = (limits.threshold + limits.background) / 2;
  while (dirty() > free_run)
    if (write_back(mapping, kWriterShare) == 0 && write_back_all(kWriterShare) == 0) break;
  while (under_way() && dirty() + under_way() > limits.threshold) Arch::current()->host->yield();
}

std::uint64_t PageCache::write_back(Mapping& mapping, PageCount most) {
  return write_marked(mapping, most, Sync::kNo);
}

std::uint64_t PageCache::write_back_all(PageCount most) {
  const SharedGuard guard(list_lock_);
  std::uint64_t begun = 0;
  for (Mapping* at = newest_; at != nullptr && begun < most.raw(); at = at->older_)
    begun += write_back(*at, most - PageCount{begun});
  return begun;
}

std::uint64_t PageCache::flush(const Flush& flush) {
  std::uint64_t begun = flush.expire_ns == kNoAge ? 0 : flush_old(flush);
  while (begun < flush.most.raw() &&
         node_pages(parts_.nodes, NodeItem::kNrDirty) > parts_.dirty.limits().background) {
    const std::uint64_t turn = write_back_all(flush.most - PageCount{begun});
    if (turn == 0) break;
    begun += turn;
  }
  return begun;
}

// A file of which all is written is young again, whatever got dirty meanwhile.
std::uint64_t PageCache::flush_old(const Flush& flush) {
  const SharedGuard guard(list_lock_);
  const std::uint64_t now = Arch::current()->host->now_ns();
  std::uint64_t begun = 0;
  for (Mapping* at = newest_; at != nullptr && begun < flush.most.raw(); at = at->older_) {
    const std::uint64_t since = at->dirtied_ns_.load(std::memory_order_relaxed);
    if (now - since < flush.expire_ns || !at->any_has(CacheMark::kDirty)) continue;
    begun += write_back(*at, flush.most - PageCount{begun});
    if (begun < flush.most.raw()) at->dirtied_ns_.store(now, std::memory_order_relaxed);
  }
  return begun;
}

Result<void> PageCache::fsync(File& file, const Pages& pages) {
  Mapping& mapping = file.mapping();
  if (!mapping.is_shmem()) {
    mark_to_write(mapping, pages);
    write_marked(mapping, kNoLimit, Sync::kYes);
    wait_written(mapping, pages);
  }
  return mapping.errors_.check_and_advance(file.errors_seen);
}

// To be sure to end, whoever waits writes what is dirty now, and not what gets dirty meanwhile.
void PageCache::mark_to_write(Mapping& mapping, const Pages& pages) {
  const SpinGuard guard(mapping.lock);
  const unsigned dirty = ::quire::index_of(CacheMark::kDirty);
  auto entry = mapping.pages_.next_marked(RadixTree::Index{pages.first}, dirty);
  while (entry.has_value() && entry->index <= pages.last) {
    mapping.pages_.set_mark(RadixTree::Index{entry->index},
                            ::quire::index_of(CacheMark::kToWrite));
    entry = mapping.pages_.next_marked(RadixTree::Index{entry->index + 1}, dirty);
  }
}

std::uint64_t PageCache::write_marked(Mapping& mapping, PageCount most, Sync sync) {
  if (mapping.is_shmem()) return 0;
  const CacheMark mark = sync == Sync::kYes ? CacheMark::kToWrite : CacheMark::kDirty;
  Run run{*this, mapping, Run::Way::kWrite};
  std::uint64_t begun = 0;
  Page* page = mapping.next(array_, 0, mark);
  while (page != nullptr && begun < most.raw()) {
    const std::uint64_t index = offset_of(*page);
    if (begin_one(run, *page, sync))
      ++begun;
    else
      parts_.lru.put(*page);
    page = mapping.next(array_, index + 1, mark);
  }
  if (page != nullptr) parts_.lru.put(*page);
  run.submit();
  return begun;
}

// True: the page is under write-back, and of the run. Nobody is waited for while pages of the run
// are on no way yet.
bool PageCache::begin_one(Run& run, Page& page, Sync sync) {
  Mapping& mapping = run.mapping;
  if (!try_lock_page(page)) {
    run.submit();
    lock_page(page);
  }
  if (sync == Sync::kYes && has_flag(page, PageFlag::kWriteback)) {
    run.submit();
    wait_for(page, PageFlag::kWriteback);
  }
  const bool ours = mapping_of(page) == &mapping && offset_of(page) < mapping.end();
  if (!ours || has_flag(page, PageFlag::kWriteback) || !clear_dirty(mapping, page)) {
    unlock_page(page);
    return false;
  }
  const std::uint64_t start = offset_of(page) << kPageShift;
  if (const std::uint64_t used = mapping.size().raw() - start; used < kPageSize.raw())
    std::memset(content_of(page) + used, 0, kPageSize.raw() - used);
  begin_write(mapping, page);
  run.add(page);
  unlock_page(page);
  return true;
}

void PageCache::wait_written(Mapping& mapping, const Pages& pages) {
  for (std::uint64_t index = pages.first;;) {
    Page* const page = mapping.next(array_, index, CacheMark::kWriteback);
    if (page == nullptr) return;
    index = offset_of(*page) + 1;
    const bool wanted = index - 1 <= pages.last;
    if (wanted) wait_for(*page, PageFlag::kWriteback);
    parts_.lru.put(*page);
    if (!wanted) return;
  }
}

}  // namespace quire
