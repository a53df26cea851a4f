// Memory for what asks before the machine has booted, and while it boots: the dynamic linker and
// libc themselves. A small arena that is part of the library; nothing of it comes back.
//
// Locking  Any thread may call.
// Errors   allocate() gives null when the arena is used up.
#pragma once

#include <cstddef>

namespace quire::preload {

class EarlyMemory {
 public:
  // Zeroed, aligned to 16 bytes.
  static void* allocate(std::size_t size);
  [[nodiscard]] static bool holds(const void* pointer);
  [[nodiscard]] static std::size_t usable_size(const void* pointer);
};

}  // namespace quire::preload
