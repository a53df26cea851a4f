// The numbers that programs hand to the memory calls: Linux's on x86-64. Calls take them as they
// come, with any bits set, and say what is wrong with them.
//
// Source  The UAPI header mman.h; mmap(2), mremap(2), madvise(2), mlock(2), msync(2).
#pragma once

#include <cstdint>

namespace quire {

namespace prot {  // of mmap and mprotect
inline constexpr std::uint64_t kRead = 1, kWrite = 2, kExec = 4, kSem = 8;
inline constexpr std::uint64_t kAccess = kRead | kWrite | kExec;
inline constexpr std::uint64_t kGrowsDown = 0x01000000, kGrowsUp = 0x02000000;
}  // namespace prot

namespace map {  // of mmap
inline constexpr std::uint64_t kShared = 1, kPrivate = 2, kSharedValidate = 3, kType = 0xf;
inline constexpr std::uint64_t kFixed = 0x10, kAnonymous = 0x20, k32Bit = 0x40;
inline constexpr std::uint64_t kGrowsDown = 0x100, kDenyWrite = 0x800, kExecutable = 0x1000;
inline constexpr std::uint64_t kLocked = 0x2000, kNoReserve = 0x4000, kPopulate = 0x8000;
inline constexpr std::uint64_t kNonBlock = 0x10000, kStack = 0x20000, kHugeTlb = 0x40000;
inline constexpr std::uint64_t kSync = 0x80000, kFixedNoReplace = 0x100000;
inline constexpr std::uint64_t kUninitialized = 0x4000000;
// Log2 of the size of huge pages, with kHugeTlb; 0: the usual one.
inline constexpr unsigned kHugeShift = 26;
inline constexpr std::uint64_t kHugeMask = 0x3f;
// What MAP_SHARED_VALIDATE lets pass for every file.
inline constexpr std::uint64_t kLegacy = kType | kFixed | kAnonymous | k32Bit | kGrowsDown |
                                         kDenyWrite | kExecutable | kLocked | kNoReserve |
                                         kPopulate | kNonBlock | kStack | kHugeTlb |
                                         (kHugeMask << kHugeShift) | kUninitialized;
}  // namespace map

namespace remap {  // of mremap
inline constexpr std::uint64_t kMayMove = 1, kFixed = 2, kDontUnmap = 4;
}  // namespace remap

namespace lock {  // of mlock2 and mlockall
inline constexpr std::uint64_t kOnFault = 1;
inline constexpr std::uint64_t kAllCurrent = 1, kAllFuture = 2, kAllOnFault = 4;
}  // namespace lock

namespace sync {  // of msync
inline constexpr std::uint64_t kAsync = 1, kInvalidate = 2, kSync = 4;
}  // namespace sync

// Of madvise. 100 and 101 are unknown: the reference kernel is built without memory failures.
enum class Advice : std::uint32_t {
  kNormal = 0,
  kRandom = 1,
  kSequential = 2,
  kWillNeed = 3,
  kDontNeed = 4,
  kFree = 8,
  kRemove = 9,
  kDontFork = 10,
  kDoFork = 11,
  kMergeable = 12,
  kUnmergeable = 13,
  kHugePage = 14,
  kNoHugePage = 15,
  kDontDump = 16,
  kDoDump = 17,
  kWipeOnFork = 18,
  kKeepOnFork = 19,
  kCold = 20,
  kPageOut = 21,
  kPopulateRead = 22,
  kPopulateWrite = 23,
  kDontNeedLocked = 24,
  kCollapse = 25,
};

}  // namespace quire
