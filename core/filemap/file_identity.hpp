// What /proc tells of a file besides its path (st_dev, st_ino).
//
// Locking  Its owner sets device and number before anybody maps it; `unlinked` is atomic.
#pragma once

#include <atomic>
#include <cstdint>

namespace quire {

struct FileIdentity {
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint64_t inode = 0;
  std::atomic<bool> unlinked = false;  // no folder has it any more
};

}  // namespace quire
