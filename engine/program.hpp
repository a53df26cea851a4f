// What runs on a simulated machine: a program is a sequence of actions, one thread's, that the
// engine asks for one by one. A recorded trace is one; so is a synthetic workload.
//
//   Touch            many accesses, a page each
//   a call           on memory or files, with what its program passes; the answer is in the Reply
//   Fork, NewThread  another program begins, in a copy of the process or in the same one
//   End              the thread ends; with the last one its process exits
//
// Units      Addresses and lengths in bytes. A file is named by its path; a descriptor is a number
//            of the program's choice, and the process's: threads share it, a fork copies it.
// Ownership  The engine owns programs. What a Touch spans is the program's until the next call.
// Errors     A call that fails is told so in the next Reply. An access that ends in a signal ends
//            the process. A program that is itself broken (a damaged trace) says so by Fail.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/base.hpp"
#include "mm/mm.hpp"

namespace quire {

class Program;

// Accesses of one kind to one page, right after another: the first may miss, the rest do not.
class PageAccess {
 public:
  enum class Kind : std::uint8_t { kRead, kWrite, kFetch };
  static constexpr unsigned kMostTimes = 1024;

  PageAccess() = default;
  // `times` is from 1 to kMostTimes.
  PageAccess(VirtAddr at, Kind kind, unsigned times = 1)
      : bits_((at.raw() & ~kInPage) | (times - 1) << kTimesShift |
              static_cast<std::uint64_t>(kind)) {}

  [[nodiscard]] VirtAddr page() const { return VirtAddr{bits_ & ~kInPage}; }
  [[nodiscard]] Access access() const {
    return static_cast<Access>(static_cast<unsigned>(Access::kUserRead) + (bits_ & 3));
  }
  [[nodiscard]] std::uint64_t repeated() const { return (bits_ & kInPage) >> kTimesShift; }

 private:
  static constexpr unsigned kTimesShift = 2;
  static constexpr std::uint64_t kInPage = kPageSize.raw() - 1;
  static_assert(static_cast<unsigned>(Access::kUserWrite) ==
                static_cast<unsigned>(Access::kUserRead) + 1);
  static_assert(static_cast<unsigned>(Access::kUserExecute) ==
                static_cast<unsigned>(Access::kUserRead) + 2);

  std::uint64_t bits_ = 0;
};

// Memory ------------------------------------------------------------------------------------------
struct Touch {
  std::span<const PageAccess> accesses;
};
struct MapMemory {  // mmap; the answer is the address
  VirtAddr address{};
  Bytes length{};
  std::uint64_t prot = prot::kRead | prot::kWrite;
  std::uint64_t flags = map::kPrivate | map::kAnonymous;
  int file = -1;
  Bytes offset{};
};
struct UnmapMemory {
  VirtRange range{};
};
struct ProtectMemory {
  VirtRange range{};
  std::uint64_t prot = 0;
};
struct AdviseMemory {
  VirtRange range{};
  Advice advice{};
};
struct LockMemory {
  VirtRange range{};
  bool lock = true;  // else unlock
};
struct SyncMemory {  // msync
  VirtRange range{};
  std::uint64_t flags = sync::kSync;
};
struct RemapMemory {  // mremap; the answer is the address
  MremapRequest request;
};
struct MoveBreak {  // brk; the answer is where the heap ends
  VirtAddr end{};
};

// Files -------------------------------------------------------------------------------------------
struct OpenFile {
  std::string path;
  int file = -1;
  Bytes size{};  // of a file that is new or shorter
  File::Mode mode{};
};
struct CloseFile {
  int file = -1;
};
struct DuplicateFile {
  int from = -1;
  int to = -1;
};
struct FilePart {
  int file = -1;
  Bytes offset{};
  Bytes length{};
};
struct ReadFile {  // the answer is how many bytes; buffers are touched by the program itself
  FilePart part;
};
struct WriteFile {
  FilePart part;
};
struct ResizeFile {
  int file = -1;
  Bytes size{};
};
struct SyncFile {
  int file = -1;
};

// Processes ---------------------------------------------------------------------------------------
struct Fork {  // the answer is the child's pid
  std::unique_ptr<Program> child;
};
struct NewThread {
  std::unique_ptr<Program> program;
};
// Another program in the same process, whose other threads are gone: what is mapped goes, and what
// it is made of is mapped by the calls that follow. The heap begins at `heap`.
struct Execute {
  std::string name;
  VirtAddr heap{};
  bool own_stack = true;  // the usual stack; else the program maps one
};
struct Wait {  // so long nothing happens
  std::uint64_t ns = 0;
};
struct End {};
struct Fail {
  std::string why;
};

using Action = std::variant<Touch, MapMemory, UnmapMemory, ProtectMemory, AdviseMemory, LockMemory,
                            SyncMemory, RemapMemory, MoveBreak, OpenFile, CloseFile, DuplicateFile,
                            ReadFile, WriteFile, ResizeFile, SyncFile, Fork, NewThread, Execute,
                            Wait, End, Fail>;

// What the last action came to.
using Reply = Result<std::uint64_t>;

class Program {
 public:
  virtual ~Program() = default;
  // The first call's reply is 0.
  virtual Action next(const Reply& last) = 0;
};

}  // namespace quire
