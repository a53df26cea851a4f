#include "boot/movable.hpp"

namespace quire {
namespace {

PageCount pages_of(std::span<const NodeRange> ranges) {
  PageCount total;
  for (const NodeRange& piece : ranges) total += piece.range.length();
  return total;
}

std::uint64_t nodes_of(std::span<const NodeRange> ranges) {
  std::uint64_t mask = 0;
  for (const NodeRange& piece : ranges) mask |= std::uint64_t{1} << index_of(piece.node);
  return mask;
}

// What is left of `amount` when up to `taken` is taken off.
PageCount less(PageCount amount, PageCount taken) { return amount - min_of(amount, taken); }

// The pages that the kernel shall have; 0 when ZONE_MOVABLE is not asked for.
PageCount kernel_share(const MovableRequest& request, PageCount total) {
  PageCount core = request.kernelcore.pages_of(total);
  const PageCount movable = request.movablecore.pages_of(total);
  if (movable) {
    const std::uint64_t rounded = Pfn{movable.raw()}.align_up(kMaxOrderPages).raw();
    core = max_of(core, less(total, PageCount{rounded}));
  }
  return core < total ? core : PageCount{0};
}

// Starts at the first page that may be movable, rounded up; 0 where that is the node's end.
void finish(MovableStarts& starts, std::span<const NodeRange> ranges) {
  std::array<Pfn, kMaxNodes> ends{};
  for (const NodeRange& piece : ranges) ends[index_of(piece.node)] = piece.range.end;
  for (unsigned node = 0; node < kMaxNodes; ++node) {
    starts[node] = starts[node].align_up(kMaxOrderPages);
    if (starts[node] >= ends[node]) starts[node] = Pfn{0};
  }
}

// Spreads the kernel's share over the nodes, a round at a time, as long as nodes can take more.
class Spreader {
 public:
  Spreader(std::span<const NodeRange> ranges, Pfn lowest_usable, PageCount required)
      : ranges_(ranges), lowest_usable_(lowest_usable), required_(required) {}

  MovableStarts spread() {
    auto usable = static_cast<std::uint64_t>(std::popcount(nodes_of(ranges_)));
    while (usable != 0) {
      round(usable);
      --usable;
      if (required_ <= PageCount{usable}) break;
    }
    return starts_;
  }

 private:
  void round(std::uint64_t usable) {
    PageCount share = required_ / usable;
    for (std::uint64_t left = nodes_of(ranges_); left != 0; left &= left - 1) {
      const NodeId node{static_cast<std::uint16_t>(ffs0(left))};
      if (required_ < share) share = required_ / usable;
      take_from(node, share);
    }
  }

  // Moves the start of `node` up past `share` more pages.
  void take_from(NodeId node, PageCount share) {
    Pfn& start = starts_[index_of(node)];
    for (const NodeRange& piece : ranges_) {
      if (piece.node != node) continue;
      Pfn from = max_of(piece.range.start, start);
      const Pfn end = piece.range.end;
      if (from >= end) continue;
      if (from < lowest_usable_) {  // for the kernel in any case
        const Pfn to = min_of(end, lowest_usable_);
        share = less(share, to - from);
        required_ = less(required_, to - from);
        start = to;
        if (end <= lowest_usable_) continue;
        from = lowest_usable_;
      }
      const PageCount taken = min_of(end - from, share);
      start = from + taken;
      required_ = less(required_, taken);
      share -= taken;
      if (!share) return;
    }
  }

  std::span<const NodeRange> ranges_;
  Pfn lowest_usable_;
  PageCount required_;
  MovableStarts starts_{};
};

}  // namespace

MovableStarts find_movable_starts(const MovableRequest& request, std::span<const NodeRange> ranges,
                                  Pfn lowest_usable) {
  MovableStarts starts{};
  const PageCount required = kernel_share(request, pages_of(ranges));
  if (required) starts = Spreader(ranges, lowest_usable, required).spread();
  finish(starts, ranges);
  return starts;
}

MovableStarts find_hotplug_starts(const Memblock& memblock, std::span<const NodeRange> ranges) {
  MovableStarts starts{};
  for (const MemblockRegion& region : memblock.memory().regions()) {
    if ((region.flags & MemblockRegion::kHotplug) == 0) continue;
    Pfn& start = starts[index_of(region.node)];
    if (start == Pfn{0}) start = pfn_down(region.base);
  }
  finish(starts, ranges);
  return starts;
}

}  // namespace quire
