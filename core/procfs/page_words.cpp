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

// Finds the block that a page lies in. Pages asked for one after another cost little even where a
// run of free blocks, or what is reserved, goes on for long without anything written.
class Heads {
 public:
  explicit Heads(const MemoryMap& map) : map_(map) {}

  // The first page of the block; null: of none.
  const Page* of(PageIndex index) {
    for (unsigned order = 0; order <= Order::kMax; ++order) {
      const PageIndex at{raw(index) & ~((1u << order) - 1)};
      const Page& page = map_.at(at);
      if (has_state(page) && page.word_racy().order().raw() >= order) return &page;
    }
    return run_over(raw(index) / kBlock);
  }

 private:
  static constexpr std::uint32_t kBlock = static_cast<std::uint32_t>(kMaxOrderPages.raw());
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  // The run of free blocks that goes over `block`, by the last block before it with anything in it.
  const Page* run_over(std::uint32_t block) {
    if (block != block_) {
      const std::uint32_t known = block_ != kNone && block_ < block ? block_ : 0;
      std::uint32_t at = block;
      while (at-- > known && is_empty(at)) {}
      if (at + 1 > known)
        last_ = at;
      else if (known == 0)
        last_ = kNone;
      block_ = block;
    }
    if (last_ == kNone || !map_.contains(PageIndex{last_ * kBlock})) return nullptr;
    const Page& page = map_.at(PageIndex{last_ * kBlock});
    const PageWord word = page.word_racy();
    const bool run = word.is(PageKind::kBuddy) && word.order().raw() == Order::kMax;
    return run && block - last_ < page.run_blocks ? &page : nullptr;
  }
  [[nodiscard]] bool is_empty(std::uint32_t block) const {
    const PageIndex at{block * kBlock};
    return map_.contains(at) && map_.at(at).word_racy() == PageWord{};
  }

  const MemoryMap& map_;
  std::uint32_t block_ = kNone;  // asked about last
  std::uint32_t last_ = kNone;   // the block that decided
};

std::uint64_t flags_in_use(const Page& page) {
  std::uint64_t flags = 0;
  const PageWord word = page.word_racy();
  for (const FlagBit& flag : kFlagBits)
    if (word.has(flag.flag)) flags |= bit(flag.number);
  if (mapcount(page) > 0) flags |= kMapped | (is_anonymous(page) ? kAnon : 0);
  return flags;
}

std::uint64_t flags_of(const ProcSources& from, Pfn frame, Heads& heads) {
  const Page* const page = from.map.page_of(frame);
  if (page == nullptr) return kNoPage;
  if (from.processes != nullptr && frame == from.processes->zero_page())
    return kZeroPage | kReserved;
  const Page* const head = heads.of(from.map.index_of(*page));
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

std::size_t read_kpageflags(const ProcSources& from, Pfn first, std::span<std::uint64_t> words) {
  Heads heads(from.map);
  return fill(from, first, words, [&heads](const ProcSources& sources, Pfn frame) {
    return flags_of(sources, frame, heads);
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
