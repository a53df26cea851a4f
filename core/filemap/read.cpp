// Reading: the page that is wanted, uptodate, and its bytes.
#include <cstring>

#include "filemap/run.hpp"

namespace quire {

// `page` is locked, and is not any more when this returns.
Result<void> PageCache::read_page_locked(Mapping& mapping, Page& page) {
  get_page(page);
  Run run{*this, mapping, Run::Way::kRead};
  run.add(page);
  run.submit();
  wait_for(page, PageFlag::kLocked);
  if (has_flag(page, PageFlag::kUptodate)) return {};
  return Errno::kIo;
}

// The caller has a reference. kAgain: the page has left the mapping.
Result<void> PageCache::make_uptodate(Mapping& mapping, Page& page) {
  if (has_flag(page, PageFlag::kUptodate)) return {};
  lock_page(page);
  const bool gone = mapping_of(page) != &mapping;
  if (!gone && !has_flag(page, PageFlag::kUptodate)) return read_page_locked(mapping, page);
  unlock_page(page);
  if (gone) return Errno::kAgain;
  return {};
}

// One page alone, where none was read ahead. kFault: it is behind the end of the file.
Result<Page*> PageCache::bring_in(Mapping& mapping, std::uint64_t index) {
  QUIRE_TRY_ASSIGN(page, find_or_add_locked(mapping, index, Behind::kRefused));
  if (has_flag(*page, PageFlag::kUptodate)) {
    unlock_page(*page);
    return page;
  }
  if (const Result<void> read = read_page_locked(mapping, *page); !read.has_value()) {
    parts_.lru.put(*page);
    return read.error();
  }
  return page;
}

// Uptodate at some moment, and referenced. Null: a hole of a file that is in memory alone.
Result<Page*> PageCache::find_or_read(File& file, const Want& want) {
  Mapping& mapping = file.mapping();
  for (;;) {
    Page* page = find(mapping, want.index);
    if (mapping.is_shmem()) return page;
    if (page == nullptr) {
      read_ahead_missed(file, want);
      page = find(mapping, want.index);
    }
    if (page == nullptr) return bring_in(mapping, want.index);
    if (has_flag(*page, kReadAheadMark)) read_ahead_marked(file, *page, want);
    const Result<void> read = make_uptodate(mapping, *page);
    if (read.has_value()) return page;
    parts_.lru.put(*page);
    if (read.error() != Errno::kAgain) return read.error();
  }
}

Result<Bytes> PageCache::read(File& file, const ReadRequest& request) {
  Mapping& mapping = file.mapping();
  const std::uint64_t wanted_end = request.offset.raw() + request.to.size();
  std::uint64_t at = request.offset.raw();
  Result<void> result;
  while (at < min_of(wanted_end, mapping.size().raw())) {
    const Want want{at >> kPageShift,
                    ((wanted_end + kPageSize.raw() - 1) >> kPageShift) - (at >> kPageShift)};
    const Result<Page*> found = find_or_read(file, want);
    if (!found.has_value()) {
      if (found.error() != Errno::kFault) result = found.error();
      break;
    }
    // Read after the page was seen to be uptodate: what it has beyond the end is nobody's.
    const std::uint64_t end = min_of(wanted_end, mapping.size().raw());
    const std::uint64_t page_end = (want.index + 1) << kPageShift;
    const std::uint64_t length = end > at ? min_of(end, page_end) - at : 0;
    std::byte* const to = request.to.data() + (at - request.offset.raw());
    if (*found == nullptr) {
      std::memset(to, 0, length);
    } else {
      std::memcpy(to, content_of(**found) + (at & (kPageSize.raw() - 1)), length);
      const bool same = file.ahead.previous > 0 &&
                        static_cast<std::uint64_t>(file.ahead.previous - 1) >> kPageShift ==
                            want.index;
      if (!same) parts_.lru.mark_accessed(**found);
      parts_.lru.put(**found);
    }
    if (length == 0) break;
    at += length;
    file.ahead.previous = static_cast<std::int64_t>(at);
  }
  const Bytes done{at - request.offset.raw()};
  if (!result.has_value() && !done) return result.error();
  return done;
}

Result<PageCache::Faulted> PageCache::fault_in(File& file, std::uint64_t index, ReadAdvice advice) {
  Mapping& mapping = file.mapping();
  bool major = false;
  bool began = false;
  for (;;) {
    if (index >= mapping.end()) return Errno::kFault;
    Page* page = find(mapping, index);
    if (!mapping.is_shmem()) {
      major |= page == nullptr;
      began |= read_ahead_for_fault(file, {page, index, advice});
      if (page == nullptr) page = find(mapping, index);
    }
    if (page == nullptr) {
      QUIRE_TRY_ASSIGN(brought, bring_in(mapping, index));
      page = brought;
    }
    if (const Result<void> read = make_uptodate(mapping, *page); !read.has_value()) {
      parts_.lru.put(*page);
      if (read.error() == Errno::kAgain) continue;
      return read.error();
    }
    if (!lock_in(mapping, *page)) continue;
    if (index < mapping.end()) return Faulted{page, major, major || began};
    forget(*page);
  }
}

Page* PageCache::next_mappable(Mapping& mapping, const Want& want) {
  for (std::uint64_t index = want.index;;) {
    Page* const page = mapping.next(array_, index);
    if (page == nullptr) return nullptr;
    index = offset_of(*page);
    const bool within = index - want.index < want.count && index < mapping.end();
    const bool ready = has_flag(*page, PageFlag::kUptodate) && !has_flag(*page, kReadAheadMark);
    if (within && ready && try_lock_page(*page)) {
      if (mapping_of(*page) == &mapping) return page;
      unlock_page(*page);
    }
    parts_.lru.put(*page);
    if (!within) return nullptr;
    ++index;
  }
}

}  // namespace quire
