// Which tables of an address space's smallest pages were used lately, so that who changes entries
// of neighbouring pages need not walk down to them each time.
//
// Invariant  What is noted is the table that maps the region it is noted for, until forget().
// Locking    None. Only who owns a range asks for its tables and notes them; who frees tables, of
//            ranges that nobody else owns, forgets all of them first.
#pragma once

#include <array>
#include <atomic>

#include "base/base.hpp"
#include "memmap/memmap.hpp"

namespace quire {

class RecentTables {
 public:
  // A region is what one table maps, numbered from address 0 on. kNone: not noted.
  [[nodiscard]] PageIndex find(std::uint64_t region) const {
    const std::uint64_t word = words_.data()[region % kTables].load(std::memory_order_acquire);
    const bool same = word >> 32 == static_cast<std::uint32_t>(region / kTables);
    return same ? static_cast<PageIndex>(word) : PageIndex::kNone;
  }
  void note(std::uint64_t region, PageIndex table) {
    words_.data()[region % kTables].store(region / kTables << 32 | raw(table),
                                          std::memory_order_release);
  }
  void forget() {
    for (auto& word : words_) word.store(0, std::memory_order_release);
  }

 private:
  static constexpr unsigned kTables = 16;

  // By the lowest bits of the region: above, its next 32 bits, below, the table. Bits that are cut
  // off repeat the one below them, since addresses are canonical.
  std::array<std::atomic<std::uint64_t>, kTables> words_{};
};

}  // namespace quire
