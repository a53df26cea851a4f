// What address spaces ask of the machine's tunables, and what they have promised to programs.
//
// Locking  Values may be read anywhere; the committed sum is atomic.
// Source   Documentation/mm/overcommit-accounting.rst, admin-guide/sysctl/{vm,kernel}.rst.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.hpp"

namespace quire {

// What exec goes by where it puts a program.
struct LayoutRules {
  std::int64_t randomize_va_space = 0;  // 0: nothing by chance; above 1: where heaps begin, too
  unsigned mmap_rnd_bits = 0;           // pages of the mapping area's base that are left to chance
  bool legacy = false;                  // mappings grow upwards
};

enum class Overcommit : std::uint8_t { kGuess, kAlways, kNever };

class VmRules {
 public:
  [[nodiscard]] virtual Overcommit overcommit() const = 0;
  // CommitLimit without what is kept for root or for the program's own recovery.
  [[nodiscard]] virtual PageCount commit_limit() const = 0;
  [[nodiscard]] virtual PageCount admin_reserve() const = 0;
  [[nodiscard]] virtual PageCount user_reserve() const = 0;
  [[nodiscard]] virtual PageCount ram_and_swap() const = 0;
  [[nodiscard]] virtual std::uint32_t max_map_count() const = 0;
  [[nodiscard]] virtual VirtAddr mmap_min_addr() const = 0;
  [[nodiscard]] virtual LayoutRules layout() const = 0;

 protected:
  ~VmRules() = default;
};

// Committed_AS: pages that programs may yet ask for without being refused.
class Committed {
 public:
  void add(PageCount pages) { pages_.fetch_add(signed_of(pages), std::memory_order_relaxed); }
  void drop(PageCount pages) { pages_.fetch_sub(signed_of(pages), std::memory_order_relaxed); }
  [[nodiscard]] PageCount pages() const {
    const std::int64_t sum = pages_.load(std::memory_order_relaxed);
    return PageCount{sum < 0 ? 0 : static_cast<std::uint64_t>(sum)};
  }

 private:
  static std::int64_t signed_of(PageCount pages) { return static_cast<std::int64_t>(pages.raw()); }
  std::atomic<std::int64_t> pages_ = 0;
};

}  // namespace quire
