#include "kmap/kmap.hpp"

namespace quire {

Kmap::Kmap(const Parts& parts)
    : parts_(parts),
      fixmap_(parts.tables, parts.space.fixmap),
      permanent_({parts.host, parts.map, parts.tables, parts.space.persistent_kmap}),
      local_({parts.map, parts.tables, parts.tlb, fixmap_}) {}

Result<void> Kmap::init(Arena& arena, unsigned cpus) {
  if (parts_.space.persistent_kmap.empty()) return {};
  QUIRE_TRY(permanent_.init(arena));
  return local_.init(arena, cpus);
}

VirtAddr Kmap::kmap(const Page& page) {
  return is_high(page) ? permanent_.map(parts_.map.index_of(page)) : direct(page);
}

Result<void> Kmap::kunmap(const Page& page) {
  if (!is_high(page)) return {};
  return permanent_.unmap(parts_.map.index_of(page));
}

Result<VirtAddr> Kmap::kmap_local(const Page& page) {
  if (!is_high(page)) return direct(page);
  return local_.map(parts_.map.index_of(page));
}

Result<void> Kmap::kunmap_local(VirtAddr address) {
  if (parts_.space.direct.contains(address)) return {};
  return local_.unmap(address);
}

std::optional<VirtAddr> Kmap::page_address(const Page& page) {
  if (!is_high(page)) return direct(page);
  return permanent_.find(parts_.map.index_of(page));
}

Page* Kmap::page_at(VirtAddr address) const {
  if (parts_.space.direct.contains(address))
    return parts_.map.page_of(pfn_down(PhysAddr{0} + (address - parts_.space.direct.start)));
  const std::optional<Translation> there = parts_.tables.walk(address);
  return there.has_value() ? parts_.map.page_of(there->frame_of(address)) : nullptr;
}

Result<void> Kmap::audit(Text& report) {
  if (parts_.space.persistent_kmap.empty()) return {};
  QUIRE_TRY(permanent_.audit(report));
  return local_.audit(report);
}

}  // namespace quire
