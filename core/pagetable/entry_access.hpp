// Reading and writing entries in the content of a table's frame. Other CPUs walk the same tables,
// so that each entry is read and written whole.
#pragma once

#include <cstddef>
#include <cstdint>

#include "memmap/memmap.hpp"
#include "pagetable/format.hpp"

namespace quire {

// One entry in its table, wherever that is.
struct EntrySlot {
  std::byte* table = nullptr;  // the content of the table's frame
  unsigned index = 0;
  PageLevel level{};
  PageIndex page{};  // of the table
};

template <class Word>
Word* words_of(std::byte* table) {
  return reinterpret_cast<Word*>(table);
}

inline Entry load_entry(const PagingFormat& format, const EntrySlot& slot) {
  if (format.entry_bytes == sizeof(std::uint64_t)) [[likely]]
    return Entry{
        __atomic_load_n(words_of<std::uint64_t>(slot.table) + slot.index, __ATOMIC_ACQUIRE)};
  return Entry{__atomic_load_n(words_of<std::uint32_t>(slot.table) + slot.index, __ATOMIC_ACQUIRE)};
}

// What was there before.
inline Entry exchange_entry(const PagingFormat& format, const EntrySlot& slot, Entry entry) {
  if (format.entry_bytes == sizeof(std::uint64_t)) [[likely]]
    return Entry{__atomic_exchange_n(words_of<std::uint64_t>(slot.table) + slot.index, entry.raw(),
                                     __ATOMIC_ACQ_REL)};
  return Entry{__atomic_exchange_n(words_of<std::uint32_t>(slot.table) + slot.index,
                                   static_cast<std::uint32_t>(entry.raw()), __ATOMIC_ACQ_REL)};
}

// Writes `entry` if `expected` still stands there; else `expected` becomes what does.
inline bool replace_entry(const PagingFormat& format, const EntrySlot& slot, Entry& expected,
                          Entry entry) {
  if (format.entry_bytes == sizeof(std::uint64_t)) [[likely]] {
    std::uint64_t old = expected.raw();
    const bool done =
        __atomic_compare_exchange_n(words_of<std::uint64_t>(slot.table) + slot.index, &old,
                                    entry.raw(), false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
    expected = Entry{old};
    return done;
  }
  auto old = static_cast<std::uint32_t>(expected.raw());
  const bool done = __atomic_compare_exchange_n(words_of<std::uint32_t>(slot.table) + slot.index,
                                                &old, static_cast<std::uint32_t>(entry.raw()),
                                                false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  expected = Entry{old};
  return done;
}

}  // namespace quire
