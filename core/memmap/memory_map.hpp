// The memory map: one array of Page, addressed by PageIndex, and the way between a Pfn and its
// Page. Three memory models differ only in which sections have a place in the array:
//
//   FLATMEM      every section from the first page of RAM to the last, holes included
//   DISCONTIGMEM every section that some node spans
//   SPARSEMEM    sections that hold RAM; sections can be added and removed while running
//
// Sections are 128 MiB and keep their alignment in the array, so that a block's buddy is found in
// index space and hot paths need no Pfn.
//
// Pageblocks  A byte for each 2 MiB says its migrate type; zero means movable.
// Capacity    2^32 pages: 16 TiB of RAM at any physical address. The array is reserved whole and
//             touched page by page.
// Locking     add_section and remove_section: the hot-plug lock. Readers need none: a section that
//             is looked up is one that the caller knows to be present. Pageblock types: zone lock.
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/frame_window.hpp"
#include "memmap/page.hpp"

namespace quire {

inline constexpr PageCount kSectionPages{std::uint64_t{1} << 15};

enum class SectionId : std::uint32_t {};  // a Pfn divided by kSectionPages
constexpr SectionId section_of(Pfn pfn) {
  return SectionId{static_cast<std::uint32_t>(pfn.raw() / kSectionPages.raw())};
}
constexpr Pfn start_of(SectionId section) {
  return Pfn{std::uint64_t{static_cast<std::uint32_t>(section)} * kSectionPages.raw()};
}

// What hot-plug knows of a present section. As booted, it is online and its zone is the Layout's.
struct SectionHome {
  bool placed = false;   // node and zone are these
  bool offline = false;  // nobody may be given its pages
  NodeId node{};
  ZoneType zone{};
};

class MemoryMap {
 public:
  // Room for `sections` sections at most, none present yet. Errors: kNoMemory.
  Result<void> init(Arena& arena, std::uint32_t sections);

  // Gives `section` a place; its pages are untouched. kExists if it has one, kNoSpace if full.
  Result<void> add_section(SectionId section);
  // Takes the place away and forgets its pages; kNoEntry if it has none.
  Result<void> remove_section(SectionId section);
  [[nodiscard]] bool has_section(SectionId section) const { return place_of(section) != 0; }
  [[nodiscard]] std::uint32_t section_count() const { return present_; }
  // No section beyond it has ever been present.
  [[nodiscard]] Pfn end() const { return end_; }
  // The section is present.
  [[nodiscard]] SectionHome& home(SectionId section) const {
    return places_[place_of(section) - 1].home;
  }

  [[nodiscard]] Page& at(PageIndex index) const { return pages_[raw(index)]; }
  [[nodiscard]] Page& at(std::uint32_t index) const { return pages_[index]; }
  [[nodiscard]] PageIndex index_of(const Page& page) const {
    return PageIndex{static_cast<std::uint32_t>(&page - pages_)};
  }
  // The section of `pfn` is present.
  [[nodiscard]] PageIndex index_of(Pfn pfn) const {
    const auto section = static_cast<std::uint32_t>(section_of(pfn));
    const std::uint32_t place =
        roots_.data()[section / kSectionsPerRoot][section % kSectionsPerRoot];
    const auto within = static_cast<std::uint32_t>(pfn.raw() & (kSectionPages.raw() - 1));
    return PageIndex{(place - 1) << kSectionShift | within};
  }
  // Null when no section holds `pfn`.
  [[nodiscard]] Page* page_of(Pfn pfn) const;
  // What a pointer of unknown origin points to, if that is a page of a present section; else null.
  [[nodiscard]] Page* page_at(const void* pointer) const;
  [[nodiscard]] Pfn pfn_of(PageIndex index) const {
    const std::uint32_t place = raw(index) >> kSectionShift;
    QUIRE_DEBUG_ASSERT(place < places_.size());
    return start_of(places_.data()[place].section) +
           PageCount{raw(index) & (kSectionPages.raw() - 1)};
  }
  [[nodiscard]] Pfn pfn_of(const Page& page) const { return pfn_of(index_of(page)); }
  // Whether `index` is that of a page in a section that has a place.
  [[nodiscard]] bool contains(PageIndex index) const {
    const std::uint32_t place = raw(index) >> kSectionShift;
    return index != PageIndex::kNone && place < next_place_ &&
           place_of(places_[place].section) == place + 1;
  }

  // Calls visit(SectionId) for each present section, in the order of their places.
  template <class Visit>
  void for_each_section(Visit visit) const {
    for (std::uint32_t place = 0; place < next_place_; ++place)
      if (place_of(places_[place].section) == place + 1) visit(places_[place].section);
  }

  // How many of `most` pages from `index` on follow one another in memory as they do here.
  [[nodiscard]] std::uint64_t contiguous_from(PageIndex index, std::uint64_t most) const;

  // Where the content of frames lies: there for the frames of present sections.
  [[nodiscard]] const FrameWindow& frames() const { return frames_; }
  [[nodiscard]] std::byte* content_of(const Page& page) const {
    return frames_.content(index_of(page));
  }
  // The window has room for frames() of this many pages.
  [[nodiscard]] PageCount capacity() const { return kSectionPages * places_.size(); }
  void set_frames(std::byte* base) {
    frames_ = {base, static_cast<std::uint32_t>(capacity().raw() - 1)};
  }

  [[nodiscard]] MigrateType pageblock_type(PageIndex index) const {
    return pageblocks_.get(raw(index));
  }
  void set_pageblock_type(PageIndex index, MigrateType type) {
    pageblocks_.set(raw(index), type);
  }

  // For hot paths, which keep them: they stay the same while the machine lives.
  [[nodiscard]] PageArray array() const { return PageArray{pages_}; }
  [[nodiscard]] PageblockTypes pageblocks() const { return pageblocks_; }

 private:
  static constexpr unsigned kSectionShift = 15;
  static constexpr std::uint32_t kSectionsPerRoot = 1024;
  static constexpr std::uint32_t kRoots = 1u << 15;  // 2^25 sections: 52 bits of address

  struct Place {
    SectionId section;
    SectionHome home;
  };

  // The place of a section in the array, counted from 1; 0 when it has none.
  [[nodiscard]] std::uint32_t place_of(SectionId section) const {
    const auto number = static_cast<std::uint32_t>(section);
    if (number / kSectionsPerRoot >= kRoots) return 0;
    const std::uint32_t* const root = roots_[number / kSectionsPerRoot];
    return root == nullptr ? 0 : root[number % kSectionsPerRoot];
  }
  Result<std::uint32_t> choose_place(SectionId section);

  Arena* arena_ = nullptr;
  Page* pages_ = nullptr;
  FrameWindow frames_;
  std::uint8_t* pageblock_bytes_ = nullptr;
  PageblockTypes pageblocks_;
  std::span<std::uint32_t*> roots_;
  std::span<Place> places_;
  std::span<std::uint32_t> vacated_;     // places given back, the last on top
  std::uint32_t vacated_count_ = 0;
  std::uint32_t next_place_ = 0;
  std::uint32_t present_ = 0;
  Pfn end_;
};

}  // namespace quire
