// What is read of a VmallocSpace: content by address, rows of files, whether its books balance.
#include <cstring>

#include "vmalloc/vmalloc_space.hpp"

namespace quire {

Page* VmallocSpace::to_page(VirtAddr address) const {
  const auto found = parts_.tables.walk(address);
  return found.has_value() ? parts_.map.page_of(found->frame_of(address)) : nullptr;
}

std::byte* VmallocSpace::content_at(VirtAddr address) const {
  const Page* const page = to_page(address);
  const Bytes offset = address - address.align_down(kPageSize);
  return page == nullptr ? nullptr : parts_.map.content_of(*page) + offset.raw();
}

// Calls copy(place in the range, content, length) for each stretch within a page that some area
// has; content is null where nothing is mapped.
template <class Copy>
Bytes VmallocSpace::copy(VirtRange range, Copy copy) const {
  bool any = false;
  for (VirtAddr at = range.start; at < range.end;) {
    const SpinGuard hold(lock_);
    const VmapArea* const area = areas_.first_from(at);
    if (area == nullptr || area->start >= range.end) break;
    at = max_of(at, area->start);
    const VirtAddr next = at.align_down(kPageSize) + kPageSize;
    const VirtAddr end = min_of(next, range.end);
    if (!area->has(VmapFlags::kUninitialized)) {
      any = true;
      copy((at - range.start).raw(), content_at(at), (end - at).raw());
    }
    at = end;
  }
  return any ? range.length() : Bytes{};
}

Bytes VmallocSpace::read(VirtAddr address, std::span<std::byte> into) const {
  if (!into.empty()) std::memset(into.data(), 0, into.size());
  const VirtRange range{address, address + Bytes{into.size()}};
  return copy(range, [&](std::uint64_t at, const std::byte* content, std::uint64_t length) {
    if (content != nullptr) std::memcpy(into.data() + at, content, length);
  });
}

Bytes VmallocSpace::write(VirtAddr address, std::span<const std::byte> from) {
  const VirtRange range{address, address + Bytes{from.size()}};
  return copy(range, [&](std::uint64_t at, std::byte* content, std::uint64_t length) {
    if (content != nullptr) std::memcpy(content, from.data() + at, length);
  });
}

bool VmallocSpace::next_area(VirtAddr from, Info& info) const {
  const SpinGuard hold(lock_);
  const VmapArea* area = areas_.first_from(from);
  while (area != nullptr && area->has(VmapFlags::kUninitialized))
    area = areas_.first_from(area->end);
  if (area == nullptr) return false;
  info = {.range = {area->start, area->end}, .flags = area->flags, .caller = area->caller,
          .pages = area->page_count, .pages_elsewhere = area->array_area != nullptr};
  for (std::uint32_t i = 0; i < area->page_count;) {
    const std::span<Page*> pages = entries(*area, i);
    for (const Page* const page : pages)
      ++info.by_node[index_of(parts_.nodes.zone_of(page->word).node)];
    i += static_cast<std::uint32_t>(pages.size());
  }
  return true;
}

bool VmallocSpace::next_lazy(VirtAddr from, VirtRange& range) const {
  const SpinGuard hold(lock_);
  const VmapArea* const area = areas_.first_lazy_from(from);
  if (area == nullptr) return false;
  range = {area->start, area->end};
  return true;
}

const char* VmallocSpace::fault() const {
  const SpinGuard hold(lock_);
  if (const char* const what = areas_.fault(); what != nullptr) return what;
  std::uint64_t used = 0;
  const VirtAddr start = areas_.space().start;
  for (const VmapArea* a = areas_.first_from(start); a != nullptr; a = areas_.first_from(a->end)) {
    if (a->has(VmapFlags::kUninitialized)) return "an area was never completed";
    if (const char* const what = fault_of(*a); what != nullptr) return what;
    used += a->page_count;
  }
  for (const VmapArea* a = areas_.first_lazy_from(start); a != nullptr;
       a = areas_.first_lazy_from(a->end)) {
    bool mapped = false;
    parts_.tables.for_each_entry({a->start, a->end}, [&](auto&&...) { mapped = true; });
    if (mapped) return "something is mapped where an area was freed";
  }
  return used == used_pages_.load() ? nullptr : "pages in areas are miscounted";
}

const char* VmallocSpace::fault_of(const VmapArea& area) const {
  if (!area.has(VmapFlags::kNoGuard) && to_page(area.inside().end) != nullptr)
    return "a guard page is mapped";
  const std::uint64_t count = whole_pages(area.inside().length()).raw();
  if (area.has(VmapFlags::kAlloc) && area.page_count != count) return "an area lacks pages";
  for (std::uint32_t i = 0; i < area.page_count; ++i)
    if (to_page(area.start + size_of(PageCount{i})) != entries(area, i).front())
      return "an area's page is not the one that its address leads to";
  return nullptr;
}

}  // namespace quire
