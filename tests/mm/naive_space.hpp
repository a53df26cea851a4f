// The most obvious model of an address space: each page by itself.
#pragma once

#include <map>
#include <optional>

#include "tests/mm/naive_page.hpp"

namespace quire {

class NaiveSpace {
 public:
  using Answer = std::optional<Errno>;  // none: success
  using There = NaivePage::There;

  std::map<std::uint64_t, NaivePage> pages;
  VmFlags future{};  // the locks of what will be mapped

  // `first` and `count` in pages.
  struct Span {
    std::uint64_t first;
    std::uint64_t count;
    [[nodiscard]] std::uint64_t end() const { return first + count; }
  };

  static constexpr VmFlags kUncounted = VmFlags::kNoReserve | VmFlags::kShared;
  static NaivePage fresh(VmFlags flags) {
    if (any(flags & VmFlags::kWrite) && !any(flags & kUncounted)) flags |= VmFlags::kAccount;
    return {.flags = flags, .bytes = {}};
  }
  // Shows `object` from page `index` on; null: nothing.
  struct Shown {
    std::shared_ptr<NaiveObject> object;
    std::uint64_t index = 0;
  };
  void map(Span span, VmFlags flags, const Shown& shown) {
    flags |= future;
    for (std::uint64_t i = 0; i < span.count; ++i) {
      NaivePage& page = pages[span.first + i] = fresh(flags);
      page.object = shown.object;
      page.index = shown.index + i;
    }
    if (any(flags & VmFlags::kLocked)) static_cast<void>(populate(span));
  }
  void unmap(Span span) {
    for (std::uint64_t at = span.first; at < span.end(); ++at) pages.erase(at);
  }

  // Up to the first hole, before which everything is done.
  template <class Change>
  Answer until_hole(Span span, Change change) {
    for (std::uint64_t at = span.first; at < span.end(); ++at) {
      const auto page = pages.find(at);
      if (page == pages.end()) return Errno::kNoMemory;
      change(page->second);
    }
    return {};
  }
  // Over holes, which are told at the end; a page that refuses ends it.
  template <class Change>
  Answer over_holes(Span span, Change change) {
    Answer answer;
    for (std::uint64_t at = span.first; at < span.end(); ++at) {
      const auto page = pages.find(at);
      if (page == pages.end()) {
        answer = Errno::kNoMemory;
      } else if (const Answer refused = change(page->second); refused.has_value()) {
        return refused;
      }
    }
    return answer;
  }

  Answer protect(Span span, VmFlags access) {
    return until_hole(span, [&](NaivePage& page) {
      const bool writable = any(page.flags & VmFlags::kWrite);
      page.flags = (page.flags & ~VmFlags::kAccess) | access;
      if (writable || !any(access & VmFlags::kWrite) || page.is_shared()) return;
      if (!any(page.flags & kUncounted)) page.flags |= VmFlags::kAccount;
      if ((page.flags & VmFlags::kAnyLocked) == VmFlags::kLocked) populate_page(page);
    });
  }
  Answer lock(Span span, VmFlags locks) {
    const Answer answer = until_hole(span, [&](NaivePage& page) {
      page.flags = (page.flags & ~VmFlags::kAnyLocked) | locks;
    });
    if (answer.has_value() || !any(locks)) return answer;
    return populate(span);
  }
  Answer populate(Span span) {
    for (std::uint64_t at = span.first; at < span.end(); ++at) {
      NaivePage& page = pages.at(at);
      if (any(page.flags & VmFlags::kLockOnFault)) continue;
      if (!any(page.flags & VmFlags::kAccess) || page.beyond()) return Errno::kNoMemory;
      populate_page(page);
    }
    return {};
  }
  // What is private and may be written is copied.
  static void populate_page(NaivePage& page) {
    if (page.beyond()) return;
    const bool copies = any(page.flags & VmFlags::kWrite) && !page.is_shared();
    if (copies && page.shows()) {
      page.bytes = page.content();
      page.bytes.resize(kPageSize.raw());
    }
    if (copies || page.shows())
      page.bring(There::kYes);
    else if (page.there == There::kNo)
      page.there = There::kMaybe;
  }
  // mlockall: all that is mapped, or all that will be.
  Answer lock_all(std::uint64_t flags) {
    if ((flags & (lock::kAllCurrent | lock::kAllFuture)) == 0) return Errno::kInvalid;
    const VmFlags locks =
        (flags & lock::kAllOnFault) != 0 ? VmFlags::kAnyLocked : VmFlags::kLocked;
    future = (flags & lock::kAllFuture) != 0 ? locks : VmFlags::kNone;
    if ((flags & lock::kAllCurrent) == 0) return {};
    for (auto& [at, page] : pages) page.flags = (page.flags & ~VmFlags::kAnyLocked) | locks;
    for (const auto& [at, page] : pages) static_cast<void>(populate({at, 1}));
    return {};
  }
  void unlock_all() {
    future = VmFlags::kNone;
    for (auto& [at, page] : pages) page.flags &= ~VmFlags::kAnyLocked;
  }
  // A page is moved over another place; the old one stays empty, or does not stay.
  struct Way {
    std::uint64_t from;
    std::uint64_t to;
  };
  Answer move(Way way, bool keep) {
    const auto [from, to] = way;
    if (!pages.contains(from)) return Errno::kFault;
    if (from == to) return Errno::kInvalid;
    NaivePage& old = pages.at(from);
    pages[to] = old;
    if (!keep) pages.erase(from);
    if (!keep) return {};
    old.flags &= ~VmFlags::kAnyLocked;
    old.forget();
    return {};
  }
  Answer grow(std::uint64_t at) {
    if (!pages.contains(at)) return Errno::kFault;
    if (pages.contains(at + 1)) return Errno::kNoMemory;
    const NaivePage& last = pages.at(at);
    pages[at + 1] = {
        .flags = last.flags, .bytes = {}, .object = last.object, .index = last.index + 1};
    if (any(pages.at(at).flags & VmFlags::kLocked)) static_cast<void>(populate({at + 1, 1}));
    return {};
  }
  // One byte of a page that may be written.
  void write(std::uint64_t at, Bytes offset, char value) { pages.at(at).write(offset, value); }
  // This is the child's from now on.
  void fork() {
    future = VmFlags::kNone;
    std::erase_if(pages, [](const auto& page) {
      return any(page.second.flags & VmFlags::kDontCopy);
    });
    for (auto& [at, page] : pages) {
      page.flags &= ~VmFlags::kAnyLocked;
      if (any(page.flags & VmFlags::kWipeOnFork)) page = {.flags = page.flags, .bytes = {}};
    }
  }
  [[nodiscard]] std::uint64_t count(VmFlags flag) const {
    std::uint64_t sum = 0;
    for (const auto& [at, page] : pages) sum += any(page.flags & flag) ? 1 : 0;
    return sum;
  }
};

}  // namespace quire
