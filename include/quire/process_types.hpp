// What calls of quire/process.hpp take and give. Values are Linux's.
#pragma once

#include <quire/files.h>

#include <cstdint>

namespace quire {
inline namespace api {

enum class Address : std::uint64_t {};  // of a process
constexpr Address operator+(Address at, std::uint64_t bytes) {
  return static_cast<Address>(static_cast<std::uint64_t>(at) + bytes);
}
enum class Access : std::uint32_t {
  kNone = QUIRE_PROT_NONE,
  kRead = QUIRE_PROT_READ,
  kWrite = QUIRE_PROT_WRITE,
  kExec = QUIRE_PROT_EXEC,
  kReadWrite = kRead | kWrite,
  kReadExec = kRead | kExec,
};
enum class MapFlags : std::uint64_t {
  kPrivate = QUIRE_MAP_PRIVATE | QUIRE_MAP_ANONYMOUS,
  kShared = QUIRE_MAP_SHARED | QUIRE_MAP_ANONYMOUS,
  kFixed = QUIRE_MAP_FIXED,
  kGrowsDown = QUIRE_MAP_GROWSDOWN,
  kLocked = QUIRE_MAP_LOCKED,
  kNoReserve = QUIRE_MAP_NORESERVE,
  kPopulate = QUIRE_MAP_POPULATE,
  kFilePrivate = QUIRE_MAP_PRIVATE,
  kFileShared = QUIRE_MAP_SHARED,
};
constexpr MapFlags operator|(MapFlags a, MapFlags b) {
  return static_cast<MapFlags>(static_cast<std::uint64_t>(a) | static_cast<std::uint64_t>(b));
}
enum class Advice : std::uint32_t {
  kDontNeed = QUIRE_MADV_DONTNEED,
  kFree = QUIRE_MADV_FREE,
  kRemove = QUIRE_MADV_REMOVE,
  kDontFork = QUIRE_MADV_DONTFORK,
  kDoFork = QUIRE_MADV_DOFORK,
  kWipeOnFork = QUIRE_MADV_WIPEONFORK,
  kCold = QUIRE_MADV_COLD,
  kPageOut = QUIRE_MADV_PAGEOUT,
  kPopulateRead = QUIRE_MADV_POPULATE_READ,
  kPopulateWrite = QUIRE_MADV_POPULATE_WRITE,
};
enum class OpenFlags : std::uint32_t {
  kRead = QUIRE_O_RDONLY,
  kWrite = QUIRE_O_WRONLY,
  kReadWrite = QUIRE_O_RDWR,
  kCreate = QUIRE_O_CREAT,
  kExclusive = QUIRE_O_EXCL,
  kTruncate = QUIRE_O_TRUNC,
  kAppend = QUIRE_O_APPEND,
  kCloseOnExec = QUIRE_O_CLOEXEC,
};
constexpr OpenFlags operator|(OpenFlags a, OpenFlags b) {
  return static_cast<OpenFlags>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
enum class Whence : std::uint32_t {
  kSet = QUIRE_SEEK_SET,
  kCurrent = QUIRE_SEEK_CUR,
  kEnd = QUIRE_SEEK_END,
  kData = QUIRE_SEEK_DATA,
  kHole = QUIRE_SEEK_HOLE,
};
struct Span {
  Address start{};
  std::uint64_t size = 0;  // bytes
};
struct Segment {
  Span span;
  Access access = Access::kRead;
};
struct Done {};

}  // namespace api
}  // namespace quire
