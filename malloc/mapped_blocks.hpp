// Blocks larger than any block of the machine, and those aligned more than its blocks are: each a
// mapping of its own, with a page in front that says where it begins and ends.
//
// Units    Bytes. What was asked for is rounded up to pages.
// Locking  Any thread may call; a block is its owner's.
// Errors   Null where the process may not have the memory. A pointer that is none of such a block
//          ends the process, as in glibc.
#pragma once

#include <atomic>
#include <cstddef>

#include "malloc/size_classes.hpp"

namespace quire::preload {

class MappedBlocks {
 public:
  // Zeroed; aligned to a page at least.
  void* allocate(std::size_t size, Alignment align);
  void free(void* block);
  // Null: the block could not grow, and is as it was.
  void* resize(void* block, std::size_t size);
  [[nodiscard]] static std::size_t usable_size(const void* block);

  // Address space of all blocks, and how many there are.
  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t count() const { return count_.load(std::memory_order_relaxed); }
  // What a block takes of it.
  [[nodiscard]] static std::size_t footprint(std::size_t size, Alignment align);

 private:
  std::atomic<std::size_t> bytes_ = 0;
  std::atomic<std::size_t> count_ = 0;
};

}  // namespace quire::preload
