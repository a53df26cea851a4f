#include "memmap/memory_map.hpp"

#include <cstring>

namespace quire {

Result<void> MemoryMap::init(Arena& arena, std::uint32_t sections) {
  arena_ = &arena;
  // One place more than asked for: index 0 may have to stay empty (choose_place).
  const std::uint64_t limit = std::uint64_t{1} << (32 - kSectionShift);
  const std::uint64_t places = min_of<std::uint64_t>(std::uint64_t{sections} + 1, limit);
  const std::uint64_t pages = places * kSectionPages.raw();
  QUIRE_TRY_ASSIGN(map, arena.allocate(Bytes{pages * sizeof(Page)}, NodeId{0}));
  QUIRE_TRY_ASSIGN(blocks, arena.allocate(Bytes{pages / kPageblockPages.raw()}, NodeId{0}));
  pages_ = reinterpret_cast<Page*>(map);
  pageblock_bytes_ = reinterpret_cast<std::uint8_t*>(blocks);
  pageblocks_ = PageblockTypes{pageblock_bytes_};
  QUIRE_TRY_ASSIGN(roots, arena.make_array<std::uint32_t*>(kRoots));
  QUIRE_TRY_ASSIGN(table, arena.make_array<Place>(places));
  QUIRE_TRY_ASSIGN(vacated, arena.make_array<std::uint32_t>(places));
  roots_ = roots;
  places_ = table;
  vacated_ = vacated;
  return {};
}

Result<std::uint32_t> MemoryMap::choose_place(SectionId section) {
  if (vacated_count_ > 0) return vacated_[--vacated_count_];
  // Only page frame 0, which is always reserved, may have index 0.
  if (next_place_ == 0 && section != SectionId{0}) next_place_ = 1;
  if (next_place_ == places_.size()) return Errno::kNoSpace;
  return next_place_++;
}

Result<void> MemoryMap::add_section(SectionId section) {
  const auto number = static_cast<std::uint32_t>(section);
  if (number / kSectionsPerRoot >= kRoots) return Errno::kInvalid;
  if (has_section(section)) return Errno::kExists;
  std::uint32_t*& root = roots_[number / kSectionsPerRoot];
  if (root == nullptr) {
    QUIRE_TRY_ASSIGN(table, arena_->make_array<std::uint32_t>(kSectionsPerRoot));
    root = table.data();
  }
  QUIRE_TRY_ASSIGN(place, choose_place(section));
  places_[place] = {section, {}};
  end_ = max_of(end_, start_of(section) + kSectionPages);
  root[number % kSectionsPerRoot] = place + 1;
  ++present_;
  return {};
}

Result<void> MemoryMap::remove_section(SectionId section) {
  const std::uint32_t place = place_of(section);
  if (place == 0) return Errno::kNoEntry;
  const auto number = static_cast<std::uint32_t>(section);
  roots_[number / kSectionsPerRoot][number % kSectionsPerRoot] = 0;
  const std::uint64_t first = std::uint64_t{place - 1} << kSectionShift;
  std::memset(static_cast<void*>(pages_ + first), 0, kSectionPages.raw() * sizeof(Page));
  std::memset(pageblock_bytes_ + first / kPageblockPages.raw(), 0,
              kSectionPages.raw() / kPageblockPages.raw());
  vacated_[vacated_count_++] = place - 1;
  --present_;
  return {};
}

Page* MemoryMap::page_of(Pfn pfn) const {
  const std::uint32_t place = place_of(section_of(pfn));
  if (place == 0) return nullptr;
  return pages_ + (std::uint64_t{place - 1} << kSectionShift) +
         (pfn.raw() & (kSectionPages.raw() - 1));
}

Page* MemoryMap::page_at(const void* pointer) const {
  const std::uintptr_t offset =
      reinterpret_cast<std::uintptr_t>(pointer) - reinterpret_cast<std::uintptr_t>(pages_);
  const std::uint64_t index = offset / sizeof(Page);
  const std::uint64_t place = index >> kSectionShift;
  if (offset % sizeof(Page) != 0 || place >= next_place_) return nullptr;
  return place_of(places_[place].section) == place + 1 ? pages_ + index : nullptr;
}

std::uint64_t MemoryMap::contiguous_from(PageIndex index, std::uint64_t most) const {
  std::uint32_t place = raw(index) >> kSectionShift;
  std::uint32_t section = static_cast<std::uint32_t>(places_[place].section);
  std::uint64_t pages = kSectionPages.raw() - (raw(index) & (kSectionPages.raw() - 1));
  // Places are counted from 1 where they are looked up.
  while (pages < most && place_of(SectionId{++section}) == ++place + 1)
    pages += kSectionPages.raw();
  return min_of(pages, most);
}

}  // namespace quire
