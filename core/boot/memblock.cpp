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

PhysAddr Memblock::find_free(const MemblockRequest& request, PhysRange window, NodeId node) const {
  PhysAddr found{0};
  for_each_free([&](PhysRange free, const MemblockRegion& region) {
    if (node != kNoNode && region.node != node) return true;
    if (avoid_hotplug_ && (region.flags & MemblockRegion::kHotplug) != 0) return true;
    const PhysRange usable = free.intersect(window);
    if (usable.length() < request.size) return true;
    const PhysAddr at = bottom_up_ ? usable.start.align_up(request.alignment)
                                   : (usable.end - request.size).align_down(request.alignment);
    if (at < usable.start || usable.end - at < request.size || at >= usable.end) return true;
    found = at;
    return !bottom_up_;  // the last that fits is the highest
  });
  return found;
}

Result<PhysAddr> Memblock::allocate(const MemblockRequest& request) {
  if (retired_) return Errno::kPermission;
  if (!request.size) return Errno::kInvalid;
  const PhysAddr page_one{kPageSize.raw()};
  const PhysAddr limit = request.max == PhysAddr{0} ? current_limit_ : request.max;
  const PhysAddr max = min_of(limit, current_limit_);
  const bool any_node_too = request.node != kNoNode && !request.exact_node;

  for (const PhysAddr min : {max_of(request.min, page_one), page_one}) {
    const PhysRange window{min, max_of(min, max)};
    PhysAddr at = find_free(request, window, request.node);
    if (at == PhysAddr{0} && any_node_too) at = find_free(request, window, kNoNode);
    if (at == PhysAddr{0}) continue;
    QUIRE_TRY(reserve({at, at + request.size}));
    return at;
  }
  return Errno::kNoMemory;
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
