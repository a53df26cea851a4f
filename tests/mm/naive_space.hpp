// The most obvious model of an address space: each page by itself.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "mm/mm.hpp"

namespace quire {

struct NaivePage {
  VmFlags flags{};    // but for what every page has
  std::string bytes;  // its content; none: zeros
  // Whether a page is there: surely, surely not, or the page of zeros may be.
  enum class There : std::uint8_t { kNo, kMaybe, kYes } there = There::kNo;
};

class NaiveSpace {
 public:
  using Answer = std::optional<Errno>;  // none: success
  using There = NaivePage::There;

  std::map<std::uint64_t, NaivePage> pages;

  // `first` and `count` in pages.
  struct Span {
    std::uint64_t first;
    std::uint64_t count;
    [[nodiscard]] std::uint64_t end() const { return first + count; }
  };

  static NaivePage fresh(VmFlags flags) {
    if (any(flags & VmFlags::kWrite) && !any(flags & VmFlags::kNoReserve))
      flags |= VmFlags::kAccount;
    return {.flags = flags, .bytes = {}};
  }
  void map(Span span, VmFlags flags) {
    for (std::uint64_t at = span.first; at < span.end(); ++at) pages[at] = fresh(flags);
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
      } else if (!change(page->second)) {
        return Errno::kInvalid;
      }
    }
    return answer;
  }

  Answer protect(Span span, VmFlags access) {
    return until_hole(span, [&](NaivePage& page) {
      const bool writable = any(page.flags & VmFlags::kWrite);
      page.flags = (page.flags & ~VmFlags::kAccess) | access;
      if (writable || !any(access & VmFlags::kWrite)) return;
      if (!any(page.flags & VmFlags::kNoReserve)) page.flags |= VmFlags::kAccount;
      if ((page.flags & VmFlags::kAnyLocked) == VmFlags::kLocked) page.there = There::kYes;
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
      if (!any(page.flags & VmFlags::kAccess)) return Errno::kNoMemory;
      if (any(page.flags & VmFlags::kWrite)) page.there = There::kYes;
      if (page.there == There::kNo) page.there = There::kMaybe;
    }
    return {};
  }
  Answer forget(Span span) {
    return over_holes(span, [](NaivePage& page) {
      if (any(page.flags & VmFlags::kLocked)) return false;
      page.there = There::kNo;
      page.bytes.clear();
      return true;
    });
  }
  Answer advise(Span span, VmFlags set, VmFlags clear) {
    return over_holes(span, [&](NaivePage& page) {
      page.flags = (page.flags & ~clear) | set;
      return true;
    });
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
    old.there = There::kNo;
    old.bytes.clear();
    return {};
  }
  Answer grow(std::uint64_t at) {
    if (!pages.contains(at)) return Errno::kFault;
    if (pages.contains(at + 1)) return Errno::kNoMemory;
    pages[at + 1] = {.flags = pages.at(at).flags, .bytes = {}};
    if (any(pages.at(at).flags & VmFlags::kLocked)) static_cast<void>(populate({at + 1, 1}));
    return {};
  }
  // One byte of a page that may be written.
  void write(std::uint64_t at, Bytes offset, char value) {
    NaivePage& page = pages.at(at);
    page.there = There::kYes;
    page.bytes.resize(kPageSize.raw());
    page.bytes[offset.raw()] = value;
  }
  // This is the child's from now on.
  void fork() {
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
