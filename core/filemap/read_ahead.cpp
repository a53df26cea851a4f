// How far a file is read ahead: a window that begins small, grows while the file is read in order,
// and of which one page is marked, so that whoever comes to it has the next window read.
//
// Source  Documentation/filesystems/vfs.rst (readahead), block/queue-sysfs.rst (read_ahead_kb).
#include "filemap/run.hpp"

namespace quire {
namespace {

// The first window of a reader who asks for `wanted` pages.
std::uint32_t first_size(std::uint64_t wanted, std::uint32_t most) {
  const std::uint64_t rounded = std::bit_ceil(wanted);
  if (rounded <= most / 32) return static_cast<std::uint32_t>(rounded * 4);
  if (rounded <= most / 4) return static_cast<std::uint32_t>(rounded * 2);
  return most;
}

// Of the window after this one.
std::uint32_t next_size(const ReadAhead& ahead) {
  if (ahead.size < ahead.most / 16) return ahead.size * 4;
  return ahead.size <= ahead.most / 2 ? ahead.size * 2 : ahead.most.get();
}

void begin_window(ReadAhead& ahead, const PageCache::Want& want) {
  ahead.start = want.index;
  ahead.size = first_size(want.count, ahead.most);
  ahead.async_size =
      ahead.size > want.count ? ahead.size - static_cast<std::uint32_t>(want.count)
                              : ahead.size.get();
}

// The page of a window that is marked.
std::uint64_t mark_of(const ReadAhead& ahead) {
  return ahead.start + ahead.size - ahead.async_size;
}

constexpr std::uint32_t kManyMisses = 100;

}  // namespace

void PageCache::read_ahead_missed(File& file, const Want& want) {
  if (file.ahead.most == 0) return;
  if (file.advice == ReadAdvice::kRandom)
    read_pages(file.mapping(), {want.index, min_of<std::uint64_t>(want.count, kForced)}, kNoMark);
  else if (plan_window(file, want))
    read_window(file, want.index);
}

void PageCache::read_ahead_marked(File& file, Page& page, const Want& want) {
  if (file.ahead.most == 0 || has_flag(page, PageFlag::kWriteback)) return;
  clear_flag(page, kReadAheadMark);
  ReadAhead& ahead = file.ahead;
  if (continue_window(ahead, want.index)) return read_window(file, want.index);
  // The marked page is of a window that this state has forgotten: go on behind what is there.
  std::uint64_t start = want.index + 1;
  while (start - want.index <= ahead.most && file.mapping().has(start)) ++start;
  if (start - want.index > ahead.most) return;
  ahead.start = start;
  ahead.size = static_cast<std::uint32_t>(start - want.index +
                                          min_of<std::uint64_t>(want.count, ahead.most));
  ahead.size = ahead.async_size = next_size(ahead);
  read_window(file, want.index);
}

// The reader has come to where the next window was to begin.
bool PageCache::continue_window(ReadAhead& ahead, std::uint64_t index) {
  const std::uint64_t end = ahead.start + ahead.size;
  if (index == 0 || (index != end - ahead.async_size && index != end)) return false;
  ahead.start = end;
  ahead.size = ahead.async_size = next_size(ahead);
  return true;
}

// Whether there is a window to read; else the reader was served alone.
bool PageCache::plan_window(File& file, const Want& want) {
  ReadAhead& ahead = file.ahead;
  if (continue_window(ahead, want.index)) return true;
  const std::int64_t previous = ahead.previous < 0 ? -1 : ahead.previous >> kPageShift;
  const auto here = static_cast<std::int64_t>(want.index);
  if (want.index == 0 || want.count > ahead.most || here - previous == 0 || here - previous == 1) {
    begin_window(ahead, want);
    return true;
  }
  if (plan_from_history(file, want)) return true;
  read_pages(file.mapping(), want, kNoMark);
  return false;
}

// Pages in memory right before say that someone reads in order, though this state does not.
bool PageCache::plan_from_history(File& file, const Want& want) {
  ReadAhead& ahead = file.ahead;
  std::uint64_t known = 0;
  while (known < ahead.most && known < want.index && file.mapping().has(want.index - known - 1))
    ++known;
  if (known <= want.count) return false;
  if (known >= want.index) known *= 2;  // from the start of the file on
  ahead.start = want.index;
  ahead.size = static_cast<std::uint32_t>(min_of<std::uint64_t>(known + want.count, ahead.most));
  ahead.async_size = 1;
  return true;
}

// A reader who is about to come to the mark at once gets the next window with this one.
void PageCache::read_window(File& file, std::uint64_t index) {
  ReadAhead& ahead = file.ahead;
  if (index == ahead.start && ahead.size == ahead.async_size) {
    const std::uint32_t more = next_size(ahead);
    if (ahead.size + more <= ahead.most) {
      ahead.async_size = more;
      ahead.size += more;
    } else {
      ahead.size = ahead.most;
      ahead.async_size = ahead.most / 2;
    }
  }
  read_pages(file.mapping(), {ahead.start, ahead.size}, mark_of(ahead));
}

// What is not there of the pages wanted, up to the end of the file. Nobody waits for it.
void PageCache::read_pages(Mapping& mapping, const Want& want, std::uint64_t marked) {
  const std::uint64_t end = min_of(want.index + want.count, mapping.end());
  Run run{*this, mapping, Run::Way::kRead};
  for (std::uint64_t index = want.index; index < end; ++index) {
    if (mapping.has(index)) continue;
    Page* const page = new_page(Gfp::kNoRetry | Gfp::kNoWarn);
    if (page == nullptr) break;
    set_flag(*page, PageFlag::kLocked);
    const Result<void> added = add(mapping, *page, index, Behind::kRefused);
    if (!added.has_value()) {
      forget(*page);
      if (added.error() == Errno::kExists) continue;
      break;
    }
    if (index == marked) set_flag(*page, kReadAheadMark);
    run.add(*page);
  }
  run.submit();
}

bool PageCache::read_ahead_for_fault(File& file, const FaultWant& want) {
  ReadAhead& ahead = file.ahead;
  if (want.advice == ReadAdvice::kRandom || ahead.most == 0) return false;
  if (want.page != nullptr) {
    if (ahead.mmap_miss > 0) --ahead.mmap_miss;
    if (!has_flag(*want.page, kReadAheadMark)) return false;
    read_ahead_marked(file, *want.page, {want.index, ahead.most});
    return true;
  }
  if (want.advice == ReadAdvice::kSequential) {
    read_ahead_missed(file, {want.index, ahead.most});
    return true;
  }
  if (ahead.mmap_miss < kManyMisses * 10) ++ahead.mmap_miss;
  if (ahead.mmap_miss > kManyMisses) return true;
  // Around the fault, since it may go on either way.
  ahead.start = want.index - min_of<std::uint64_t>(want.index, ahead.most / 2);
  ahead.size = ahead.most;
  ahead.async_size = ahead.most / 4;
  read_pages(file.mapping(), {ahead.start, ahead.size}, mark_of(ahead));
  return true;
}

void PageCache::advise(File& file, ReadAdvice advice, const Want& want) {
  Mapping& mapping = file.mapping();
  if (mapping.is_shmem()) return;
  const std::uint64_t end = want.count != 0 ? want.index + want.count : mapping.end();
  switch (advice) {
    case ReadAdvice::kNormal:
    case ReadAdvice::kRandom:
      file.advice = advice;
      file.ahead.most = ReadAhead::kDefault;
      break;
    case ReadAdvice::kSequential:
      file.advice = advice;
      file.ahead.most = ReadAhead::kDefault * 2;
      break;
    case ReadAdvice::kWillNeed:
      for (std::uint64_t at = want.index; at < min_of(end, mapping.end()); at += kForced)
        read_pages(mapping, {at, min_of<std::uint64_t>(end - at, kForced)}, kNoMark);
      break;
    case ReadAdvice::kDontNeed:
      if (end <= want.index) break;
      write_back(mapping, PageCount{~std::uint64_t{0}});
      // Pages that wait for their list have a user more.
      parts_.lru.drain_all();
      invalidate(mapping, {want.index, end - want.index});
      break;
  }
}

}  // namespace quire
