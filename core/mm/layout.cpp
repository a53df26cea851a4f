#include "mm/layout.hpp"

namespace quire {
namespace {

constexpr Bytes kLeastGap = mib(128);
constexpr std::uint64_t kStackAlign = 16;

// What the parts of an address space of one width are moved by at most.
struct Spread {
  PageCount stack_top;  // one less than its number of places
  PageCount heap;
};
constexpr Spread kWide{PageCount{0x3fffff}, whole_pages(gib(1))};
constexpr Spread kNarrow{PageCount{0x7ff}, whole_pages(mib(32))};
constexpr std::uint64_t kStackWordPlaces = 8192;

constexpr VirtAddr kNarrowImageBase{0x400000};

const Spread& spread_of(bool wide) { return wide ? kWide : kNarrow; }

VirtAddr third_of(VirtAddr all) { return VirtAddr{all.raw() / 3}.align_up(kPageSize); }

}  // namespace

std::uint64_t Chance::below(std::uint64_t limit) {
  constexpr std::uint64_t kStep = 0x9e3779b97f4a7c15;
  std::uint64_t mixed = state_.fetch_add(kStep, std::memory_order_relaxed) + kStep;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111eb;
  return (mixed ^ mixed >> 31) % limit;
}

ExecLayout::ExecLayout(const Parts& parts)
    : parts_(parts),
      wide_(parts.space.format->address_bits != 32),
      randomize_((parts.limits.personality & Limits::kAddrNoRandomize) != 0
                     ? 0
                     : parts.rules.randomize_va_space),
      window_(map_window(parts.space.task_size)) {}

Bytes ExecLayout::some_of(PageCount pages) const {
  return randomize_ == 0 ? Bytes{} : size_of(PageCount{parts_.chance.below(pages.raw())});
}

MmLayout ExecLayout::areas() const {
  MmLayout layout;
  layout.task_size = parts_.space.task_size;
  const Bytes moved = some_of(PageCount{std::uint64_t{1} << parts_.rules.mmap_rnd_bits});
  layout.bottom_up =
      parts_.rules.legacy || (parts_.limits.personality & Limits::kAddrCompatLayout) != 0;
  if (layout.bottom_up) {
    layout.mmap_base = third_of(window_) + moved;
    return layout;
  }
  const Bytes stack_moves =
      randomize_ == 0 ? Bytes{} : size_of(spread_of(wide_).stack_top);
  const Bytes room = kStackGuardGap + stack_moves;
  Bytes gap{parts_.limits.stack};
  if (gap + room > gap) gap += room;
  gap = min_of(max_of(gap, kLeastGap), Bytes{window_.raw()} / 6 * 5);
  layout.mmap_base = (window_ - gap - moved).align_up(kPageSize);
  return layout;
}

VirtAddr ExecLayout::stack_top() const {
  return window_ - some_of(spread_of(wide_).stack_top + PageCount{1});
}

VirtAddr ExecLayout::start_stack(VirtAddr top) const {
  if (randomize_ == 0) return top;
  return VirtAddr{(top.raw() - parts_.chance.below(kStackWordPlaces)) & ~(kStackAlign - 1)};
}

VirtAddr ExecLayout::image_base() const {
  const VirtAddr base = wide_ ? VirtAddr{window_.raw() / 3 * 2} : kNarrowImageBase;
  const PageCount places{std::uint64_t{1} << parts_.rules.mmap_rnd_bits};
  return base.align_down(kPageSize) + some_of(places);
}

VirtAddr ExecLayout::heap_apart() const {
  return wide_ ? VirtAddr{window_.raw() / 3 * 2}.align_up(kPageSize) : kNarrowImageBase;
}

VirtAddr ExecLayout::heap_start(VirtAddr end) const {
  return randomize_ > 1 ? end + some_of(spread_of(wide_).heap) : end;
}

}  // namespace quire
