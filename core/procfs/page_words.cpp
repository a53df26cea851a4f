// /proc/PID/pagemap, /proc/kpagecount and /proc/kpageflags: a word for each page.
#include "procfs/process_files.hpp"
#include "rmap/rmap.hpp"

namespace quire {
namespace {

constexpr std::uint64_t bit(unsigned number) { return std::uint64_t{1} << number; }

// Of pagemap.
constexpr std::uint64_t kSoftDirty = bit(55), kOnlyMapping = bit(56), kOfFile = bit(61);
constexpr std::uint64_t kSwapped = bit(62), kPresent = bit(63);
constexpr unsigned kSwapOffsetShift = 5;

// Of kpageflags, where they are no flags of the page's own.
constexpr std::uint64_t kSlab = bit(7), kBuddy = bit(10), kMapped = bit(11), kAnon = bit(12);
constexpr std::uint64_t kHead = bit(15), kTail = bit(16), kNoPage = bit(20);
constexpr std::uint64_t kZeroPage = bit(24), kTable = bit(26), kReserved = bit(32);

struct FlagBit {
  PageFlag flag;
  unsigned number;
};
// That an anonymous page is exclusive is told by the bit of another flag, as in Linux.
constexpr FlagBit kFlagBits[] = {
    {PageFlag::kLocked, 0},      {PageFlag::kReferenced, 2},     {PageFlag::kUptodate, 3},
    {PageFlag::kDirty, 4},       {PageFlag::kLru, 5},            {PageFlag::kActive, 6},
    {PageFlag::kWriteback, 8},   {PageFlag::kReclaim, 9},        {PageFlag::kSwapCache, 13},
    {PageFlag::kSwapBacked, 14}, {PageFlag::kUnevictable, 18},   {PageFlag::kHwpoison, 19},
    {PageFlag::kMlocked, 33},    {PageFlag::kAnonExclusive, 34}, {PageFlag::kPrivate, 35}};

bool has_state(const Page& page) { return page.word_racy().kind() != PageKind::kInterior; }

// The first page of the block that `index` lies in; null: of none.
const Page* head_of(const MemoryMap& map, PageIndex index) {
  for (unsigned order = 0; order <= Order::kMax; ++order) {
    const PageIndex at{raw(index) & ~((1u << order) - 1)};
    const Page& page = map.at(at);
    if (has_state(page) && page.word_racy().order().raw() >= order) return &page;
  }
  // In the middle of a run of free blocks, or reserved.
  constexpr std::uint32_t kBlock = static_cast<std::uint32_t>(kMaxOrderPages.raw());
  const std::uint32_t block = raw(index) / kBlock;
  for (std::uint32_t before = 1; before <= block; ++before) {
    const PageIndex at{(block - before) * kBlock};
    if (!map.contains(at)) return nullptr;
    const Page& page = map.at(at);
    const PageWord word = page.word_racy();
    if (word == PageWord{}) continue;
    const bool run = word.is(PageKind::kBuddy) && word.order().raw() == Order::kMax;
    return run && before < page.run_blocks ? &page : nullptr;
  }
  return nullptr;
}

std::uint64_t flags_in_use(const Page& page) {
  std::uint64_t flags = 0;
  const PageWord word = page.word_racy();
  for (const FlagBit& flag : kFlagBits)
    if (word.has(flag.flag)) flags |= bit(flag.number);
  if (mapcount(page) > 0) flags |= kMapped | (is_anonymous(page) ? kAnon : 0);
  return flags;
}

std::uint64_t flags_of(const ProcSources& from, Pfn frame) {
  const Page* const page = from.map.page_of(frame);
  if (page == nullptr) return kNoPage;
  if (from.processes != nullptr && frame == from.processes->zero_page())
    return kZeroPage | kReserved;
  const Page* const head = head_of(from.map, from.map.index_of(*page));
  if (head == nullptr) return kReserved;
  const PageWord word = head->word_racy();
  const std::uint64_t part = word.order().raw() == 0 ? 0 : head == page ? kHead : kTail;
  switch (word.kind()) {
    case PageKind::kBuddy: return kBuddy;
    case PageKind::kSlab: return kSlab | part;
    case PageKind::kPageTable: return kTable;
    case PageKind::kReserved: return kReserved;
    case PageKind::kCompound: return part | (head == page ? flags_in_use(*page) : 0);
    case PageKind::kInUse: return head == page ? flags_in_use(*page) : 0;
    case PageKind::kInterior: break;
  }
  return 0;
}

// How many frames from this one on are of a run of free blocks of the largest order.
std::uint64_t free_from(const ProcSources& from, Pfn frame) {
  const Page* const page = from.map.page_of(frame);
  if (page == nullptr) return 0;
  const PageIndex index = from.map.index_of(*page);
  const Page* const head = head_of(from.map, index);
  if (head == nullptr) return 0;
  const PageWord word = head->word_racy();
  if (!word.is(PageKind::kBuddy) || word.order().raw() != Order::kMax) return 0;
  const std::uint64_t end =
      raw(from.map.index_of(*head)) + head->run_blocks * kMaxOrderPages.raw();
  return end - raw(index);
}

std::uint64_t mappings_of(const ProcSources& from, Pfn frame) {
  const Page* const page = from.map.page_of(frame);
  if (page == nullptr) return 0;
  const PageKind kind = page->word_racy().kind();
  const bool mappable = kind == PageKind::kInUse || kind == PageKind::kCompound;
  return mappable ? static_cast<std::uint64_t>(max_of(mapcount(*page), 0)) : 0;
}

// A word for each frame up to the last page of RAM.
template <class WordOf>
std::size_t fill(const ProcSources& from, Pfn first, std::span<std::uint64_t> words,
                 WordOf word_of_frame) {
  if (from.map.end() <= first) return 0;
  const std::uint64_t count = min_of<std::uint64_t>(words.size(), (from.map.end() - first).raw());
  for (std::uint64_t i = 0; i < count; ++i)
    words.data()[i] = word_of_frame(from, first + PageCount{i});
  return count;
}

std::uint64_t word_of(const Mm& mm, const EntrySlot& slot, Entry entry) {
  const PagingFormat& format = mm.tables.format();
  if (entry.empty()) return 0;
  if (!entry.present()) {
    const SwapEntry swap = format.swap_of(entry);
    return kSwapped | swap.area | swap.offset << kSwapOffsetShift;
  }
  const Pfn frame = format.frame_of(slot.level, entry);
  // Writes are what makes an entry dirty, and nothing has cleared its marks since.
  const bool written = any(format.prot_of(entry) & Prot::kDirty);
  const std::uint64_t word = kPresent | frame.raw() | (written ? kSoftDirty : 0);
  const Page* const page = frame == mm.parts.zero_page ? nullptr : mm.parts.map.page_of(frame);
  if (page == nullptr) return word;
  return word | (is_anonymous(*page) ? 0 : kOfFile) | (mapcount(*page) == 1 ? kOnlyMapping : 0);
}

}  // namespace

std::size_t read_kpagecount(const ProcSources& from, Pfn first, std::span<std::uint64_t> words) {
  return fill(from, first, words, mappings_of);
}

// What is free in large blocks is filled at once: from a page in it to its head is a long way.
std::size_t read_kpageflags(const ProcSources& from, Pfn first, std::span<std::uint64_t> words) {
  std::uint64_t free = 0;
  return fill(from, first, words, [&free](const ProcSources& sources, Pfn frame) {
    if (free == 0) free = free_from(sources, frame);
    return free == 0 ? flags_of(sources, frame) : (--free, kBuddy);
  });
}

std::size_t read_pagemap(Process& process, std::uint64_t first, std::span<std::uint64_t> words) {
  Mm& mm = *process.mm;
  const std::uint64_t end = mm.layout.task_size.raw() >> kPageShift;
  if (first >= end) return 0;
  const std::uint64_t count = min_of<std::uint64_t>(words.size(), end - first);
  const SharedGuard guard(mm.mmap_lock);
  const Vma* vma = nullptr;
  for (std::uint64_t i = 0; i < count; ++i) {
    const VirtAddr at{(first + i) << kPageShift};
    if (vma == nullptr || vma->end() <= at) vma = mm.vmas.find(at);
    const bool mapped = vma != nullptr && vma->start() <= at;
    const EntrySlot slot = mm.tables.find_slot(at);
    std::uint64_t& word = words.data()[i];
    word = mapped && slot.level == PageLevel::kPte ? word_of(mm, slot, mm.tables.load(slot)) : 0;
    if (mapped && vma->has(VmFlags::kSoftDirty)) word |= kSoftDirty;
  }
  return count;
}

}  // namespace quire
