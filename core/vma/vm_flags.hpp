// What a VMA is and allows (vm_flags).
//
// Source  The names in /proc/PID/smaps' VmFlags row (Documentation/filesystems/proc.rst); the
//         values of the first eight and of the ones that mlock, madvise and mmap set are Linux's.
#pragma once

#include <cstdint>

namespace quire {

enum class VmFlags : std::uint64_t {
  kNone = 0,
  kRead = 1u << 0,
  kWrite = 1u << 1,
  kExec = 1u << 2,
  kShared = 1u << 3,
  kMayRead = 1u << 4,
  kMayWrite = 1u << 5,
  kMayExec = 1u << 6,
  kMayShare = 1u << 7,
  kGrowsDown = 1u << 8,
  kPfnMap = 1u << 10,
  kLocked = 1u << 13,
  kIo = 1u << 14,
  kSeqRead = 1u << 15,
  kRandRead = 1u << 16,
  kDontCopy = 1u << 17,
  kDontExpand = 1u << 18,
  kLockOnFault = 1u << 19,
  kAccount = 1u << 20,    // its private pages count as committed
  kNoReserve = 1u << 21,
  kHugeTlb = 1u << 22,
  kSync = 1u << 23,
  kWipeOnFork = 1u << 25,
  kDontDump = 1u << 26,
  kSoftDirty = 1u << 27,
  kMixedMap = 1u << 28,
  kHugePage = 1u << 29,
  kNoHugePage = 1u << 30,
  kMergeable = 1u << 31,

  kAccess = kRead | kWrite | kExec,
  kMayAll = kMayRead | kMayWrite | kMayExec,
  kAnyLocked = kLocked | kLockOnFault,
  kSpecial = kIo | kDontExpand | kPfnMap | kMixedMap,  // neither merged nor locked
};
constexpr std::uint64_t raw(VmFlags flags) { return static_cast<std::uint64_t>(flags); }
constexpr VmFlags operator|(VmFlags a, VmFlags b) { return static_cast<VmFlags>(raw(a) | raw(b)); }
constexpr VmFlags operator&(VmFlags a, VmFlags b) { return static_cast<VmFlags>(raw(a) & raw(b)); }
constexpr VmFlags operator^(VmFlags a, VmFlags b) { return static_cast<VmFlags>(raw(a) ^ raw(b)); }
constexpr VmFlags operator~(VmFlags a) { return static_cast<VmFlags>(~raw(a)); }
constexpr VmFlags& operator|=(VmFlags& a, VmFlags b) { return a = a | b; }
constexpr VmFlags& operator&=(VmFlags& a, VmFlags b) { return a = a & b; }
constexpr bool any(VmFlags flags) { return raw(flags) != 0; }

}  // namespace quire
