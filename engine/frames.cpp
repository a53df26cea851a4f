#include "engine/frames.hpp"

#include <algorithm>

namespace quire {
namespace {

FrameUse use_of(const Page& page) {
  const PageWord word = page.word_racy();
  switch (word.kind()) {
    case PageKind::kBuddy:
    case PageKind::kInterior: return FrameUse::kFree;
    case PageKind::kSlab: return FrameUse::kSlab;
    case PageKind::kPageTable: return FrameUse::kTable;
    case PageKind::kReserved: return FrameUse::kKernel;
    case PageKind::kInUse:
    case PageKind::kCompound: break;
  }
  if (page.refcount <= 0) return FrameUse::kFree;  // kept by a CPU
  if (is_anonymous(page)) return FrameUse::kAnonymous;
  if (home_of(page) == nullptr) return FrameUse::kKernel;
  return word.has(PageFlag::kSwapBacked) ? FrameUse::kShmem : FrameUse::kFile;
}

}  // namespace

FrameBlocks::FrameBlocks(Machine& machine, std::size_t most) : machine_(machine) {
  std::uint64_t frames = 0;
  machine.plan().for_each_free_pages([&](PfnRange range, NodeId) {
    frames += range.length().raw();
  });
  while (frames >> shift_ > most) ++shift_;
  machine.plan().for_each_free_pages([&](PfnRange range, NodeId) {
    for (std::uint64_t at = range.start.raw() >> shift_; at << shift_ < range.end.raw(); ++at)
      if (starts_.empty() || starts_.back() < at << shift_) starts_.push_back(at << shift_);
  });
  counts_.resize(starts_.size());
}

Picture FrameBlocks::picture(std::uint64_t time_ns) {
  std::ranges::fill(counts_, Counts{});
  Pfn next{0};
  machine_.plan().for_each_free_pages([&](PfnRange range, NodeId) {
    // Blocks merge across the borders of ranges that touch.
    for (next = max_of(next, range.start); next < range.end;) {
      const Stretch stretch = stretch_at(next);
      count(stretch, next + PageCount{stretch.frames});
      next += PageCount{stretch.frames};
    }
  });
  Picture picture{time_ns, {}, {}};
  for (const Counts& counts : counts_) {
    std::uint64_t all = 0;
    for (const std::uint64_t frames : counts) all += frames;
    const std::uint64_t used = all - counts[0];
    // A block that is used at all is told by its use, however much of it is free.
    const auto most =
        used == 0 ? counts.begin() : std::max_element(counts.begin() + 1, counts.end());
    picture.uses += kFrameLetters[static_cast<std::size_t>(most - counts.begin())];
    picture.fullness +=
        static_cast<char>('0' + (all == 0 ? 0 : (used * 9 + all - 1) / all));
  }
  return picture;
}

FrameBlocks::Stretch FrameBlocks::stretch_at(Pfn pfn) const {
  const Page* const page = machine_.map().page_of(pfn);
  if (page == nullptr) return {pfn, 1, FrameUse::kKernel};
  const PageWord word = page->word_racy();
  std::uint64_t frames = word.order().pages().raw();
  if (word.is(PageKind::kBuddy) && word.order().raw() == Order::kMax) frames *= page->run_blocks;
  return {pfn, max_of<std::uint64_t>(frames, 1), use_of(*page)};
}

void FrameBlocks::count(const Stretch& stretch, Pfn end) {
  for (Pfn at = stretch.first; at < end;) {
    const std::uint64_t start = at.raw() >> shift_ << shift_;
    const Pfn next = min_of(end, Pfn{start + frames_per_block()});
    const auto block = std::ranges::lower_bound(starts_, start);
    if (block != starts_.end() && *block == start)
      counts_[static_cast<std::size_t>(block - starts_.begin())][static_cast<unsigned>(
          stretch.use)] += (next - at).raw();
    at = next;
  }
}

}  // namespace quire
