// What several hands do at once to a page in use: count references, and set and clear its flags.
//
// References  Each is taken by someone who keeps the page from going away meanwhile: who has a
//             reference, or holds the lock of the list, table or tree that leads to it. So a count
//             that has reached 0 stays there, but for who scans lists: those use try_get_page().
// Pins        References of who reads and writes the page's bytes by its frame, as devices do.
// Home        Page::mapping and index_low together: whose page it is, and which of its pages.
#pragma once

#include <cstdint>

#include "memmap/page.hpp"

namespace quire {

namespace detail {
inline std::uint32_t* raw_word(Page& page) { return reinterpret_cast<std::uint32_t*>(&page.word); }
}  // namespace detail

// As it was before.
inline bool test_and_set(Page& page, PageFlag flag) {
  const auto bit = static_cast<std::uint32_t>(flag);
  return (__atomic_fetch_or(detail::raw_word(page), bit, __ATOMIC_ACQ_REL) & bit) != 0;
}
inline bool test_and_clear(Page& page, PageFlag flag) {
  const auto bit = static_cast<std::uint32_t>(flag);
  return (__atomic_fetch_and(detail::raw_word(page), ~bit, __ATOMIC_ACQ_REL) & bit) != 0;
}
inline void set_flag(Page& page, PageFlag flag) { static_cast<void>(test_and_set(page, flag)); }
inline void clear_flag(Page& page, PageFlag flag) { static_cast<void>(test_and_clear(page, flag)); }
// Sees what was written before the flag was set.
inline bool has_flag(const Page& page, PageFlag flag) {
  PageWord word;
  __atomic_load(&page.word, &word, __ATOMIC_ACQUIRE);
  return word.has(flag);
}

inline void get_page(Page& page) { __atomic_fetch_add(&page.refcount, 1, __ATOMIC_RELAXED); }
inline bool try_get_page(Page& page) {
  std::int32_t count = __atomic_load_n(&page.refcount, __ATOMIC_RELAXED);
  while (count != 0)
    if (__atomic_compare_exchange_n(&page.refcount, &count, count + 1, true, __ATOMIC_ACQUIRE,
                                    __ATOMIC_RELAXED))
      return true;
  return false;
}
// True: that was the last, and the page is the caller's alone.
[[nodiscard]] inline bool drop_references(Page& page, std::int32_t count) {
  return __atomic_fetch_sub(&page.refcount, count, __ATOMIC_ACQ_REL) == count;
}
[[nodiscard]] inline bool drop_reference(Page& page) { return drop_references(page, 1); }
inline std::int32_t references_to(const Page& page) {
  return __atomic_load_n(&page.refcount, __ATOMIC_ACQUIRE);
}

// A pin counts as so many references (GUP_PIN_COUNTING_BIAS): a page that has fewer is not pinned,
// one that has as many may merely be mapped that often.
inline constexpr std::int32_t kPinReferences = 1024;
inline void pin_page(Page& page) {
  __atomic_fetch_add(&page.refcount, kPinReferences, __ATOMIC_RELAXED);
}
// All of a pin but its last reference, which is to be put.
inline void drop_pin(Page& page) {
  __atomic_fetch_sub(&page.refcount, kPinReferences - 1, __ATOMIC_RELEASE);
}
inline bool may_be_pinned(const Page& page) { return references_to(page) >= kPinReferences; }

// The lowest bit of a home that is an AnonVma's address: the page is anonymous.
inline constexpr std::uint64_t kAnonHome = 1;
inline constexpr unsigned kHomeBits = 48;

// `owner` is an address, with kAnonHome where it is an AnonVma's; `offset` counts pages and is
// below 2^48. By whoever has the page locked, or alone.
inline void set_home(Page& page, const void* owner, std::uint64_t offset) {
  constexpr std::uint64_t kMask = (std::uint64_t{1} << kHomeBits) - 1;
  page.index_low = static_cast<std::uint32_t>(offset);
  const std::uint64_t mapping =
      (reinterpret_cast<std::uintptr_t>(owner) & kMask) | offset >> 32 << kHomeBits;
  __atomic_store_n(&page.mapping, mapping, __ATOMIC_RELEASE);
}
inline void clear_home(Page& page) { __atomic_store_n(&page.mapping, 0, __ATOMIC_RELEASE); }
// The address as it was set; null: none.
inline void* home_of(const Page& page) {
  const std::uint64_t mapping = __atomic_load_n(&page.mapping, __ATOMIC_ACQUIRE);
  const auto address = static_cast<std::int64_t>(mapping << (64 - kHomeBits));
  return reinterpret_cast<void*>(address >> (64 - kHomeBits));
}
inline bool is_anonymous(const Page& page) {
  return (__atomic_load_n(&page.mapping, __ATOMIC_RELAXED) & kAnonHome) != 0;
}
// Which page of its home it is.
inline std::uint64_t offset_of(const Page& page) {
  const std::uint64_t mapping = __atomic_load_n(&page.mapping, __ATOMIC_RELAXED);
  return page.index_low | mapping >> kHomeBits << 32;
}

}  // namespace quire
