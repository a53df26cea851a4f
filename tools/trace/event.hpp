// What a trace tells: one process's memory, call by call and page by page.
//
// Units       Addresses and lengths are bytes, `page` and `pages` count pages of 4 KiB: page p is
//             the bytes [p << 12, (p + 1) << 12). Addresses are those that the program had.
// Invariants  Protections, flags and advice are Linux's numbers on x86-64. Only calls that
//             succeeded are there. A thread, process or file is named by an event before it acts:
//             process 0 and thread 0 begin with an Exec, others with Fork or Clone, a file with
//             its File. Numbers count up from 0 and are never used again.
// Source      docs/TRACE.md
#pragma once

#include <cstdint>
#include <string>
#include <variant>

namespace quire::trace {

inline constexpr unsigned kPageShift = 12;
// The file of a mapping without one.
inline constexpr std::uint32_t kNoFile = UINT32_MAX;

enum class ProcessId : std::uint32_t {};
enum class ThreadId : std::uint32_t {};

enum class Touch : std::uint8_t { kRead, kWrite, kFetch };

// `times` touches of each of `pages` pages: page, page + stride, page + 2 * stride, ...
// Touches of one page that are close to each other are one event, at the place of the first.
// A fetch counts once an instruction.
struct Access {
  std::uint64_t page = 0;
  std::uint32_t pages = 1;
  std::uint32_t times = 1;
  std::int64_t stride = 1;
  Touch touch = Touch::kRead;
  bool operator==(const Access&) const = default;
};

struct Mmap {
  std::uint64_t address = 0;  // where it came to lie
  std::uint64_t length = 0;   // as asked for
  std::uint32_t protection = 0;
  std::uint32_t flags = 0;
  std::uint32_t file = kNoFile;
  std::uint64_t offset = 0;
  bool operator==(const Mmap&) const = default;
};

struct Munmap {
  std::uint64_t address = 0, length = 0;
  bool operator==(const Munmap&) const = default;
};

struct Mremap {
  std::uint64_t address = 0, length = 0;
  std::uint64_t new_length = 0;
  std::uint64_t new_address = 0;  // where it came to lie
  std::uint32_t flags = 0;
  bool operator==(const Mremap&) const = default;
};

struct Mprotect {
  std::uint64_t address = 0, length = 0;
  std::uint32_t protection = 0;
  bool operator==(const Mprotect&) const = default;
};

struct Madvise {
  std::uint64_t address = 0, length = 0;
  std::uint32_t advice = 0;
  bool operator==(const Madvise&) const = default;
};

// The heap ends at `end` now. The first after an Exec tells where it began.
struct Brk {
  std::uint64_t end = 0;
  bool operator==(const Brk&) const = default;
};

// A new process with a copy of this one's memory; its only thread is `thread`. With `vfork`
// (CLONE_VM, as posix_spawn has it) Linux would have it share the memory until its Exec or Exit.
struct Fork {
  ProcessId child{};
  ThreadId thread{};
  std::uint32_t pid = 0;
  bool vfork = false;
  bool operator==(const Fork&) const = default;
};

// A new thread of this process.
struct Clone {
  ThreadId thread{};
  std::uint32_t tid = 0;
  bool operator==(const Clone&) const = default;
};

// The process starts anew with the calling thread alone, nothing mapped. What is mapped before its
// first instruction follows: Segments, then a Stack.
struct Exec {
  std::string path;
  std::uint64_t entry = 0;
  std::uint64_t brk_start = 0;
  std::uint32_t pid = 0;
  bool operator==(const Exec&) const = default;
};

// A PT_LOAD segment: file_length bytes of the file, zeros up to memory_length. Not rounded to
// pages.
struct Segment {
  std::uint64_t address = 0;
  std::uint64_t file_length = 0;
  std::uint64_t memory_length = 0;
  std::uint32_t protection = 0;
  std::uint32_t file = kNoFile;
  std::uint64_t offset = 0;
  bool operator==(const Segment&) const = default;
};

// Grows down. From `low` to `high` are arguments, environment and auxv, written before the start.
struct Stack {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const Stack&) const = default;
};

// The thread ends, or with `process` all threads. A process whose end is not told was killed.
struct Exit {
  std::uint32_t status = 0;
  bool process = false;
  bool operator==(const Exit&) const = default;
};

// File number `file`, `size` bytes long when it was first seen.
struct File {
  std::uint32_t file = 0;
  std::uint64_t size = 0;
  std::string path;
  bool operator==(const File&) const = default;
};

struct Open {
  std::uint32_t file = 0, fd = 0;
  std::uint32_t flags = 0;
  bool operator==(const Open&) const = default;
};

struct Close {
  std::uint32_t file = 0, fd = 0;
  bool operator==(const Close&) const = default;
};

// `length` bytes were read, or written; the touches of the program's buffers are Accesses that
// follow.
struct Transfer {
  std::uint32_t file = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool write = false;
  bool operator==(const Transfer&) const = default;
};

struct Truncate {
  std::uint32_t file = 0;
  std::uint64_t size = 0;
  bool operator==(const Truncate&) const = default;
};

// mlock, or munlock.
struct Mlock {
  std::uint64_t address = 0, length = 0;
  bool lock = false;
  bool operator==(const Mlock&) const = default;
};

struct Msync {
  std::uint64_t address = 0, length = 0;
  std::uint32_t flags = 0;
  bool operator==(const Msync&) const = default;
};

// fsync, or fdatasync.
struct Sync {
  std::uint32_t file = 0;
  bool operator==(const Sync&) const = default;
};

// The order is that of the numbers in the file.
using What = std::variant<Access, Mmap, Munmap, Mremap, Mprotect, Madvise, Brk, Fork, Clone, Exec,
                          Segment, Stack, Exit, File, Open, Close, Transfer, Truncate, Mlock,
                          Msync, Sync>;

struct Event {
  ProcessId process{};
  ThreadId thread{};
  What what;
  bool operator==(const Event&) const = default;
};

}  // namespace quire::trace
