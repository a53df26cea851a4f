// The audit of page tables: each table is one page of its kind, reached by one entry, and counts
// its entries; no page is a table that nobody uses; the direct map leads to all RAM and to nothing
// else, and its sizes of pages are counted right.
//
// Locking  Nobody uses the machine meanwhile.
// Errors   kFault: the first thing that is wrong is in the text, a line.
// Cost     Every table is read once or twice.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

class TableAudit {
 public:
  struct Parts {
    MemoryMap& map;
    KernelTables& kernel;
    const BootPlan& plan;
  };
  TableAudit(const Parts& parts, Text& text) : parts_(parts), text_(text) {}

  // One allocated page of kind kPageTable, found by walking frames.
  void count_table() { ++allocated_; }
  // When all of them have been shown.
  Result<void> check();

 private:
  static constexpr std::uint32_t kSeen = ~std::uint32_t{0};  // in Page::prev of a table

  struct Place {
    PageIndex table;
    PageLevel level{};
  };
  Result<void> check_table(const PageTables& tables, const Place& place);
  void forget(const PageTables& tables, const Place& place);
  Result<void> check_direct_map();
  Result<void> check_leaf(VirtAddr at, const EntrySlot& slot, Entry entry);
  Errno broken(PageIndex table, std::string_view what);
  // Calls visit(PageTables) for the kernel's tables and for all that share its half.
  template <class Visit>
  void for_each_tables(Visit visit);

  const Parts parts_;
  Text& text_;
  std::uint64_t allocated_ = 0;                  // tables, by walking frames
  std::uint64_t reached_ = 0;                    // of the allocator's pages, by walking tables
  std::array<std::uint64_t, 3> direct_pages_{};  // of the direct map, by size
};

}  // namespace quire
