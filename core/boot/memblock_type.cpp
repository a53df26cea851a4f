#include "boot/memblock.hpp"

namespace quire {
namespace {

// The end of a range that begins at `base`, kept below the end of all addresses.
PhysAddr capped_end(PhysAddr base, Bytes size) {
  const Bytes room = PhysAddr{~std::uint64_t{0}} - base;
  return base + min_of(size, room);
}

MemblockRegion piece_of(const MemblockRegion& whole, PhysAddr from, PhysAddr to) {
  return {from, to - from, whole.flags, whole.node};
}

}  // namespace

std::size_t MemblockType::first_ending_after(PhysAddr address) const {
  std::size_t low = 0;
  std::size_t high = regions_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (regions_[middle].end() > address)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}

const MemblockRegion* MemblockType::find(PhysAddr address) const {
  const std::size_t i = first_ending_after(address);
  return i < cnt() && regions_[i].base <= address ? &regions_[i] : nullptr;
}

bool MemblockType::overlaps(PhysRange range) const {
  const std::size_t i = first_ending_after(range.start);
  return i < cnt() && regions_[i].base < range.end;
}

Result<void> MemblockType::make_room(std::size_t more) {
  return regions_.reserve(max_of(cnt() + more, kInitialRegions));
}

void MemblockType::merge() {
  std::size_t kept = 0;
  for (std::size_t i = 1; i < cnt(); ++i) {
    MemblockRegion& last = regions_[kept];
    const MemblockRegion next = regions_[i];
    if (last.end() == next.base && last.node == next.node && last.flags == next.flags)
      last.size += next.size;
    else
      regions_[++kept] = next;
  }
  regions_.truncate(kept + 1);
}

Result<void> MemblockType::add(const MemblockRegion& region) {
  const PhysAddr end = capped_end(region.base, region.size);
  if (end == region.base) return {};
  // Room for a piece before each region that it overlaps and one behind the last, so that nothing
  // below can fail half done.
  std::size_t i = first_ending_after(region.base);
  std::size_t pieces = 1;
  for (std::size_t k = i; k < cnt() && regions_[k].base < end; ++k) ++pieces;
  QUIRE_TRY(make_room(pieces));

  PhysAddr from = region.base;
  while (from < end) {
    const bool last = i == cnt() || regions_[i].base >= end;
    const PhysAddr to = last ? end : regions_[i].base;
    if (from < to) {
      QUIRE_TRY(regions_.insert(i++, piece_of(region, from, to)));
      total_size_ += to - from;
    }
    if (last) break;
    from = regions_[i++].end();
  }
  merge();
  return {};
}

Result<MemblockType::Indices> MemblockType::isolate(PhysRange range) {
  QUIRE_TRY(make_room(2));
  for (const PhysAddr edge : {range.start, range.end}) {
    const std::size_t i = first_ending_after(edge);
    if (i == cnt() || regions_[i].base >= edge) continue;
    const MemblockRegion whole = regions_[i];
    regions_[i] = piece_of(whole, edge, whole.end());
    QUIRE_TRY(regions_.insert(i, piece_of(whole, whole.base, edge)));
  }
  Indices found{first_ending_after(range.start), 0};
  found.last = found.first;
  while (found.last < cnt() && regions_[found.last].base < range.end) ++found.last;
  return found;
}

Result<void> MemblockType::remove(PhysRange range) {
  if (range.empty()) return {};
  QUIRE_TRY_ASSIGN(gone, isolate(range));
  for (std::size_t i = gone.first; i < gone.last; ++i) total_size_ -= regions_[i].size;
  regions_.erase({gone.first, gone.last});
  return {};
}

Result<void> MemblockType::set_node(PhysRange range, NodeId node) {
  if (range.empty()) return {};
  QUIRE_TRY_ASSIGN(within, isolate(range));
  for (std::size_t i = within.first; i < within.last; ++i) regions_[i].node = node;
  merge();
  return {};
}

Result<void> MemblockType::set_flags(PhysRange range, std::uint32_t flags) {
  if (range.empty()) return {};
  QUIRE_TRY_ASSIGN(within, isolate(range));
  for (std::size_t i = within.first; i < within.last; ++i) regions_[i].flags |= flags;
  merge();
  return {};
}

Result<void> MemblockType::clear_flags(PhysRange range, std::uint32_t flags) {
  if (range.empty()) return {};
  QUIRE_TRY_ASSIGN(within, isolate(range));
  for (std::size_t i = within.first; i < within.last; ++i) regions_[i].flags &= ~flags;
  merge();
  return {};
}

void MemblockType::trim(Bytes alignment) {
  std::size_t kept = 0;
  total_size_ = Bytes{0};
  for (const MemblockRegion& region : regions_.span()) {
    const PhysAddr from = region.base.align_up(alignment);
    const PhysAddr to = region.end().align_down(alignment);
    if (from < region.base || to <= from) continue;
    regions_[kept++] = piece_of(region, from, to);
    total_size_ += to - from;
  }
  regions_.truncate(kept);
}

}  // namespace quire
