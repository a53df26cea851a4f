// page_owner: who allocated each block that is in use, and when the page was last freed.
//
// Record    Of a block's first page; split() gives each page one of its own. What remains of a
//           block that was freed by its last user tells who had it.
// Off       There are no records, and nobody asks for any (Zone::hooked).
// Locking   A record is written by whom its page belongs to, and read by anyone: words are whole,
//           their sum is not.
// Source    Documentation/mm/page_owner.rst.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/request.hpp"

namespace quire {

struct PageOwner {
  bool allocated = false;  // and not freed since
  Gfp gfp{};
  Order order;
  std::uint64_t allocated_ns = 0;
  std::uint64_t freed_ns = 0;       // 0: never
  const void* caller = nullptr;     // where the allocator was called
  const void* freed_by = nullptr;   // where it was called to free; null: never
  std::uint32_t pid = 0;
  std::uint32_t tgid = 0;
  std::array<char, Task::kNameSize> comm{};
};

class PageOwners {
 public:
  PageOwners(Host& host, MemoryMap& map) : host_(host), map_(map) {}

  // Records from now on. Errors: kNoMemory.
  Result<void> start(Arena& arena);
  [[nodiscard]] bool on() const { return records_.exists(); }

  void note_allocated(PageIndex head, const AllocRequest& request);
  // `caller` is an address in the code that frees it.
  void note_freed(PageIndex head, const void* caller);
  // A block of 2^order pages is single pages from now on.
  void note_split(PageIndex head, Order order);
  // The section that begins with `first` leaves the machine.
  void forget_section(PageIndex first);

  // Whether any page of the section that `index` lies in has been recorded.
  [[nodiscard]] bool touched(PageIndex index) const {
    return touched_[raw(index) / kSectionPages.raw()].load(std::memory_order_relaxed);
  }
  // False when the page has never been recorded.
  bool look_up(PageIndex index, PageOwner& found) const;

  // The code at `address` as a line of a stack trace has it, without its newline.
  void print_code(Text& text, const void* address) const;
  // What the report of a bad page tells of its owner.
  void log(PageIndex index) const;

 private:
  // 64 bytes, each word read and written whole.
  struct Record {
    using Word = std::atomic<std::uint64_t>;
    Word what;  // gfp 0-31, order 32-35, kKnown, kAllocated
    Word allocated_ns;
    Word freed_ns;
    Word caller;
    Word freed_by;
    Word ids;   // pid 0-31, tgid 32-63
    Word comm[2];
  };
  static_assert(sizeof(Record) == 64);

 public:
  static constexpr std::size_t kBytesPerPage = sizeof(Record);

 private:
  Host& host_;
  MemoryMap& map_;
  PageExtension<Record> records_;
  std::atomic<bool>* touched_ = nullptr;  // by place: a reader passes over untouched sections
};

}  // namespace quire
