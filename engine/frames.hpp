// Physical memory in blocks of frames, and what each mostly holds.
//
// Units  Frames. A block is 2^n of them, as large as keeps the number of blocks within bounds.
// Cost   picture() goes from block to block of the page allocator: what was never used is one step.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "engine/run_record.hpp"
#include "machine/machine.hpp"

namespace quire {

class FrameBlocks {
 public:
  // All RAM that the page allocator has, in at most about `most` blocks.
  FrameBlocks(Machine& machine, std::size_t most);

  [[nodiscard]] std::uint64_t frames_per_block() const { return std::uint64_t{1} << shift_; }
  [[nodiscard]] const std::vector<std::uint64_t>& starts() const { return starts_; }
  Picture picture(std::uint64_t time_ns);

 private:
  using Counts = std::array<std::uint64_t, kFrameUses>;

  // Frames of one use, from `first` on.
  struct Stretch {
    Pfn first;
    std::uint64_t frames;
    FrameUse use;
  };
  Stretch stretch_at(Pfn pfn) const;
  void count(const Stretch& stretch, Pfn end);

  Machine& machine_;
  unsigned shift_ = 0;
  std::vector<std::uint64_t> starts_;
  std::vector<Counts> counts_;
};

}  // namespace quire
