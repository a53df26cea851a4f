// What madvise does in the model of address spaces.
#pragma once

#include "tests/mm/naive_space.hpp"

namespace quire {

class NaiveAdvice {
 public:
  using Answer = NaiveSpace::Answer;
  using There = NaivePage::There;

  explicit NaiveAdvice(Advice advice) : advice_(advice) {}

  Answer take(NaiveSpace& space, NaiveSpace::Span span) const {
    const auto number = static_cast<std::uint32_t>(advice_);
    if (number > 25 || (number > 4 && number < 8)) return Errno::kInvalid;
    return space.over_holes(span, [&](NaivePage& page) { return take_for(page); });
  }

 private:
  struct Change {
    Advice advice;
    VmFlags set, clear;
  };

  [[nodiscard]] Answer take_for(NaivePage& page) const {
    using enum Advice;
    static constexpr Change kChanges[] = {
        {kDontFork, VmFlags::kDontCopy, VmFlags::kNone},
        {kDoFork, VmFlags::kNone, VmFlags::kDontCopy},
        {kWipeOnFork, VmFlags::kWipeOnFork, VmFlags::kNone},
        {kKeepOnFork, VmFlags::kNone, VmFlags::kWipeOnFork},
        {kSequential, VmFlags::kSeqRead, VmFlags::kRandRead},
        {kRandom, VmFlags::kRandRead, VmFlags::kSeqRead},
        {kNormal, VmFlags::kNone, VmFlags::kSeqRead | VmFlags::kRandRead},
        {kDontDump, VmFlags::kDontDump, VmFlags::kNone},
        {kDoDump, VmFlags::kNone, VmFlags::kDontDump},
        {kMergeable, VmFlags::kMergeable, VmFlags::kNone},
        {kUnmergeable, VmFlags::kNone, VmFlags::kMergeable},
        {kHugePage, VmFlags::kHugePage, VmFlags::kNoHugePage},
        {kNoHugePage, VmFlags::kNoHugePage, VmFlags::kHugePage}};
    const auto* const change = std::ranges::find(kChanges, advice_, &Change::advice);
    if (change == std::end(kChanges)) return take_for_content(page);
    if (advice_ == kWipeOnFork && page.object != nullptr) return Errno::kInvalid;
    if (advice_ == kMergeable && page.is_shared()) return {};
    page.flags = (page.flags & ~change->clear) | change->set;
    return {};
  }
  [[nodiscard]] Answer take_for_content(NaivePage& page) const {
    using enum Advice;
    const bool locked = any(page.flags & VmFlags::kLocked);
    if (locked && advice_ != kWillNeed && advice_ != kDontNeedLocked &&
        advice_ != kPopulateRead && advice_ != kPopulateWrite)
      return Errno::kInvalid;
    switch (advice_) {
      case kWillNeed:
      case kCold: return {};
      case kDontNeed:
      case kDontNeedLocked: page.forget(); return {};
      case kFree:
        if (page.object != nullptr) return Errno::kInvalid;
        page.given_up = true;
        return {};
      case kPageOut: page_out(page); return {};
      case kRemove: return remove(page);
      case kPopulateRead:
      case kPopulateWrite: return populate(page);
      default: return Errno::kInvalid;
    }
  }
  // What is in memory alone stays there, unless its content was given up.
  static void page_out(NaivePage& page) {
    page.may_be_gone |= page.given_up;
    if (page.shows() && !page.object->of_memory) page.object->leaves_memory = true;
  }
  static Answer remove(NaivePage& page) {
    if (page.object == nullptr) return Errno::kInvalid;
    if (!page.is_shared() || !any(page.flags & VmFlags::kWrite)) return Errno::kAccess;
    if (!page.object->of_memory) return Errno::kNotSupported;
    if (page.beyond()) return {};
    page.object->pages[page.index].clear();
    page.object->there[page.index] = false;
    return {};
  }
  [[nodiscard]] Answer populate(NaivePage& page) const {
    const bool write = advice_ == Advice::kPopulateWrite;
    if (!any(page.flags & (write ? VmFlags::kWrite : VmFlags::kRead))) return Errno::kInvalid;
    if (page.beyond()) return Errno::kFault;
    if (write)
      NaiveSpace::populate_page(page);
    else if (page.shows() || page.there == There::kNo)
      page.bring(page.shows() ? There::kYes : There::kMaybe);
    return {};
  }

  const Advice advice_;
};

}  // namespace quire
