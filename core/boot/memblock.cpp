#include "boot/memblock.hpp"

#include "boot/boot_log.hpp"

namespace quire {
namespace {

void dump_type(const MemblockType& type, Host& host) {
  LogLine(host)->ch(' ').str(type.name()).str(".cnt  = 0x").hex(type.cnt());
  std::size_t i = 0;
  for (const MemblockRegion& region : type.regions()) {
    LogLine line(host);
    line->ch(' ').str(type.name()).str("[0x").hex(i++).str("]\t[0x");
    line->hex(region.base.raw(), kFullDigits).str("-0x").hex(region.end().raw() - 1, kFullDigits);
    line->str("], 0x").hex(region.size.raw(), kFullDigits).str(" bytes");
    if (region.node != kNoNode) line->str(" on node ").dec(index_of(region.node));
    line->str(" flags: 0x").hex(region.flags);
  }
}

}  // namespace

MemblockRegion Memblock::region_of(PhysRange range) {
  const Bytes size = range.empty() ? Bytes{0} : range.length();
  return {range.start, size, 0, kNoNode};
}

Result<void> Memblock::add(PhysRange range, NodeId node, std::uint32_t flags) {
  if (retired_) return Errno::kPermission;
  MemblockRegion region = region_of(range);
  region.node = node;
  region.flags = flags;
  return memory_.add(region);
}

Result<void> Memblock::add_hotplugged(PhysRange range, NodeId node) {
  MemblockRegion region = region_of(range);
  region.node = node;
  return memory_.add(region);
}

Result<void> Memblock::reserve(PhysRange range, NodeId node) {
  if (retired_) return Errno::kPermission;
  MemblockRegion region = region_of(range);
  region.node = node;
  return reserved_.add(region);
}

Memblock::Place Memblock::find_free(const MemblockRequest& request, PhysRange window,
                                    NodeId node) const {
  Place found;
  for_each_free([&](PhysRange free, const MemblockRegion& region) {
    if (node != kNoNode && region.node != node) return true;
    if (avoid_hotplug_ && (region.flags & MemblockRegion::kHotplug) != 0) return true;
    const PhysRange usable = free.intersect(window);
    if (usable.length() < request.size) return true;
    const PhysAddr at = bottom_up_ ? usable.start.align_up(request.alignment)
                                   : (usable.end - request.size).align_down(request.alignment);
    if (at < usable.start || usable.end - at < request.size || at >= usable.end) return true;
    found = {at, usable};
    return !bottom_up_;  // the last that fits is the highest
  });
  return found;
}

Result<Memblock::Place> Memblock::find_place(const MemblockRequest& request) const {
  if (retired_) return Errno::kPermission;
  if (!request.size) return Errno::kInvalid;
  const PhysAddr page_one{kPageSize.raw()};
  const PhysAddr limit = request.max == PhysAddr{0} ? current_limit_ : request.max;
  const PhysAddr max = min_of(limit, current_limit_);
  const bool any_node_too = request.node != kNoNode && !request.exact_node;

  for (const PhysAddr min : {max_of(request.min, page_one), page_one}) {
    const PhysRange window{min, max_of(min, max)};
    Place place = find_free(request, window, request.node);
    if (place.start == PhysAddr{0} && any_node_too) place = find_free(request, window, kNoNode);
    if (place.start != PhysAddr{0}) return place;
  }
  return Errno::kNoMemory;
}

Result<PhysAddr> Memblock::allocate(const MemblockRequest& request) {
  QUIRE_TRY_ASSIGN(place, find_place(request));
  QUIRE_TRY(reserve({place.start, place.start + request.size}));
  return place.start;
}

Result<PhysRange> Memblock::allocate_pages(PhysRange within, PageCount count) {
  QUIRE_TRY_ASSIGN(place, find_place({.size = kPageSize, .alignment = kPageSize,
                                      .min = within.start, .max = within.end}));
  PhysRange run{place.start, place.start + kPageSize};
  const Bytes more = size_of(count - PageCount{1});
  if (bottom_up_)
    run.end += min_of(more, size_of(whole_pages(place.free.end - run.end)));
  else
    run.start -= min_of(more, size_of(whole_pages(run.start - place.free.start)));
  QUIRE_TRY(reserve(run));
  return run;
}

void Memblock::dump(Host& host) const {
  host.log("MEMBLOCK configuration:");
  {
    LogLine line(host);
    line->str(" memory size = 0x").hex(memory_.total_size().raw(), kFullDigits);
    line->str(" reserved size = 0x").hex(reserved_.total_size().raw(), kFullDigits);
  }
  dump_type(memory_, host);
  dump_type(reserved_, host);
}

}  // namespace quire
