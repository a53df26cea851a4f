// What C callers hand in, looked at before the core sees it.
#pragma once

#include "api/call.hpp"

namespace quire::api {

// Bits that no flag has say nothing.
inline constexpr std::uint32_t kKnownFlags =
    raw(Gfp::kTransHuge | Gfp::kAtomic | Gfp::kReclaim | Gfp::kDmaZone | Gfp::kDma32Zone |
        Gfp::kReclaimable | Gfp::kMemalloc | Gfp::kRetryMayFail | Gfp::kNoFail | Gfp::kNoRetry |
        Gfp::kZero | Gfp::kWrite | Gfp::kThisNode | Gfp::kAccount);
static_assert(kKnownFlags == 0x7fffff);
constexpr Gfp flags_of(quire_gfp_t gfp) { return static_cast<Gfp>(gfp & kKnownFlags); }

// Keeps the error; null, for functions that return a pointer.
inline std::nullptr_t refuse(Errno error, std::string_view what) {
  fail(error, what);
  return nullptr;
}

// In use, as the first page of a block of that order.
inline bool is_block(const Page& page, Order order) {
  const PageKind kind = page.word.kind();
  return (kind == PageKind::kInUse || kind == PageKind::kCompound) && page.refcount > 0 &&
         page.word.order() == order;
}

// The page of the machine, or null with the error kept.
inline Page* find(const quire_machine* machine, const quire_page* page) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  Page* const found = machine->page_of(page);
  if (found == nullptr) return refuse(Errno::kInvalid, "not a page of this machine");
  return found;
}

// QUIRE_NO_NODE is the caller's own; nothing for a node that is not there.
inline std::optional<NodeId> node_of(const quire_machine& machine, int node) {
  if (node == QUIRE_NO_NODE) return kNoNode;
  if (quire_node_is_online(&machine, node) != 1) return std::nullopt;
  return NodeId{static_cast<std::uint16_t>(node)};
}
// On the CPU that the call is for.
inline NodeId near(NodeId node) { return node == kNoNode ? Arch::current()->node : node; }

// Nothing when the range does not consist of whole pages.
inline std::optional<PfnRange> pages_of(const quire_range& range) {
  const PhysAddr start{range.start};
  const PhysAddr end{range.start + range.size};
  constexpr PhysAddr kEnd{std::uint64_t{1} << 52};  // no address has more bits
  if (end < start || end > kEnd || !start.is_aligned(kPageSize) || !end.is_aligned(kPageSize))
    return std::nullopt;
  return PfnRange{pfn_down(start), pfn_down(end)};
}

}  // namespace quire::api
