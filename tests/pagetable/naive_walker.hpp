// The most obvious reader of page tables: it knows only where the root's frame is and how many bits
// of an address each level takes, and reads frames' bytes.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "memmap/memmap.hpp"

namespace quire::test {

struct NaivePage {
  std::uint64_t address;
  std::uint64_t bytes;
  std::uint64_t frame;   // a page frame number
  std::uint64_t rights;  // the entry without its address
  bool operator==(const NaivePage&) const = default;
};

class NaiveWalker {
 public:
  // `levels`: 2 and 3 are the 32-bit formats.
  NaiveWalker(MemoryMap& map, unsigned levels) : map_(map), levels_(levels) {}

  std::vector<NaivePage> pages(Pfn root) {
    found_.clear();
    tables_.clear();
    read(root.raw(), levels_, 0);
    return found_;
  }
  // Frames of all tables that were read, the root first.
  [[nodiscard]] const std::vector<std::uint64_t>& tables() const { return tables_; }
  // Entries that are not zero, of the table that was read as number `i` of these.
  [[nodiscard]] unsigned entries_of(std::uint64_t table) const {
    unsigned count = 0;
    for (unsigned i = 0; i < entry_count(levels_ == 3 && table == tables_.front()); ++i)
      count += entry(table, i) != 0;
    return count;
  }

 private:
  [[nodiscard]] unsigned bytes() const { return levels_ == 2 ? 4 : 8; }
  [[nodiscard]] unsigned entry_count(bool four) const {
    return four ? 4 : levels_ == 2 ? 1024 : 512;
  }
  [[nodiscard]] std::uint64_t entry(std::uint64_t table, unsigned i) const {
    const std::byte* content = map_.content_of(*map_.page_of(Pfn{table}));
    std::uint64_t value = 0;
    std::memcpy(&value, content + i * bytes(), bytes());
    return value;
  }
  // What one entry of a table `height` above the frames maps.
  [[nodiscard]] std::uint64_t span(unsigned height) const {
    const unsigned bits = levels_ == 2 ? 10 : 9;
    return std::uint64_t{4096} << (bits * (height - 1));
  }
  void read(std::uint64_t table, unsigned height, std::uint64_t address) {
    tables_.push_back(table);
    for (unsigned i = 0; i < entry_count(levels_ == 3 && height == 3); ++i) {
      const std::uint64_t value = entry(table, i);
      std::uint64_t at = address + i * span(height);
      if (height == levels_ && levels_ > 3 && i >= 256)
        at |= ~std::uint64_t{0} << (9 * levels_ + 12);
      const bool page = height == 1 || (value & 0x80) != 0;
      if (page && (value & 0x101) != 0) {
        const std::uint64_t frame = (value & 0x000f'ffff'ffff'f000) & ~(span(height) - 1);
        found_.push_back({at, span(height), frame >> 12,
                          value & (0x8000'0000'0000'0fff ^ (height > 1 ? 0x80u : 0u))});
      } else if (!page && (value & 1) != 0) {
        read((value & 0x000f'ffff'ffff'f000) >> 12, height - 1, at);
      }
    }
  }

  MemoryMap& map_;
  const unsigned levels_;
  std::vector<NaivePage> found_;
  std::vector<std::uint64_t> tables_;
};

}  // namespace quire::test
