// Where exec puts what, with and without chance (arch_pick_mmap_layout and what belongs to it).
//
//   0 .. a program at its own addresses, its heap .. a program that may lie anywhere, its heap
//     .. mappings, down from mmap_base | the gap | the stack, down from its top .. task_size
//
// With vm.legacy_va_layout mappings go up from a third of the way instead. The gap is as long as
// the stack may become, with its guard and what its top may be moved by, but from 128 MiB to five
// sixths of all. A stack without limit makes the longest gap: nothing else follows from it.
//
// Units    Chance moves everything by whole pages, but for the first word of the stack.
// Locking  None; Chance may be asked from any CPU.
// Source   Documentation/admin-guide/sysctl/{kernel,vm}.rst, x86/x86_64/5level-paging.rst,
//          personality(2); layouts recorded on a 6.1 kernel (tests/process/recorded/layouts.log).
#pragma once

#include <atomic>
#include <cstdint>

#include "pagetable/pagetable.hpp"
#include "vma/vma.hpp"

namespace quire {

// A sequence of numbers that follows from its seed (SplitMix64).
class Chance {
 public:
  explicit Chance(std::uint64_t seed) : state_(seed) {}
  // Less than `limit`, which is not 0.
  [[nodiscard]] std::uint64_t below(std::uint64_t limit);

 private:
  std::atomic<std::uint64_t> state_;
};

// The places of one program, each drawn when it is asked for.
class ExecLayout {
 public:
  struct Parts {
    const AddressSpace& space;
    const Limits& limits;
    LayoutRules rules;
    Chance& chance;
  };
  explicit ExecLayout(const Parts& parts);

  // task_size, mmap_base and bottom_up; the rest is 0.
  [[nodiscard]] MmLayout areas() const;
  // One past the last byte of the stack's mapping.
  [[nodiscard]] VirtAddr stack_top() const;
  // The stack's first word; `top` is what stack_top() gave.
  [[nodiscard]] VirtAddr start_stack(VirtAddr top) const;
  // Where a program begins that may lie anywhere and names an interpreter (ELF_ET_DYN_BASE).
  [[nodiscard]] VirtAddr image_base() const;
  // Where the heap of a program begins that was put among the mappings, without chance.
  [[nodiscard]] VirtAddr heap_apart() const;
  // Where the heap begins when the program leaves room from `end` on.
  [[nodiscard]] VirtAddr heap_start(VirtAddr end) const;

 private:
  [[nodiscard]] Bytes some_of(PageCount pages) const;

  const Parts parts_;
  const bool wide_;                  // a 64-bit program
  const std::int64_t randomize_;     // randomize_va_space, unless the personality says no
  const VirtAddr window_;            // what is not asked for explicitly lies below it
};

// What is not asked for explicitly lies below 47 bits, however many addresses there are
// (DEFAULT_MAP_WINDOW).
constexpr VirtAddr map_window(VirtAddr task_size) {
  return min_of(task_size, VirtAddr{(std::uint64_t{1} << 47) - kPageSize.raw()});
}

}  // namespace quire
