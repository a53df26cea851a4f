// The calls of a process on its open files, with what Linux 6.1 answers to each.
//
// Units    Offsets and lengths in bytes, as programs give them: any number, checked here.
// Buffers  The caller's own memory, not the process's.
// Locking  Called with no lock held, by whoever runs the process; they sleep where a disk does.
// Errors   Each call's are Linux's, by the manual page that it names. What comes before an error
//          is done: then the call says how much.
// Source   read(2), pread(2), lseek(2), ftruncate(2), fallocate(2), fsync(2), memfd_create(2),
//          fcntl(2) (F_ADD_SEALS).
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"
#include "mm/process.hpp"

namespace quire {

// read(2), write(2): at the file's position, which moves; at the end where it is open to append.
Result<Bytes> do_read(Process& process, int number, std::span<std::byte> to);
Result<Bytes> do_write(Process& process, int number, std::span<const std::byte> from);

// pread(2), pwrite(2)
struct ReadAt {
  std::int64_t offset;
  std::span<std::byte> to;
};
struct WriteAt {
  std::int64_t offset;
  std::span<const std::byte> from;
};
Result<Bytes> do_pread(Process& process, int number, const ReadAt& request);
Result<Bytes> do_pwrite(Process& process, int number, const WriteAt& request);

// lseek(2): where the position is then.
namespace seek {
inline constexpr std::uint32_t kSet = 0, kCurrent = 1, kEnd = 2, kData = 3, kHole = 4;
}  // namespace seek
struct SeekTo {
  std::int64_t offset;
  std::uint32_t whence;
};
Result<Bytes> do_lseek(Process& process, int number, const SeekTo& to);

// ftruncate(2)
Result<void> do_ftruncate(Process& process, int number, std::int64_t length);

// fallocate(2): of files in memory; others have no holes.
namespace falloc {
inline constexpr std::uint32_t kKeepSize = 1, kPunchHole = 2;
}  // namespace falloc
struct AllocateRequest {
  std::uint32_t mode;
  std::int64_t offset;
  std::int64_t length;
};
Result<void> do_fallocate(Process& process, int number, const AllocateRequest& request);

// fsync(2)
Result<void> do_fsync(Process& process, int number);

// memfd_create(2): its number.
namespace memfd {
inline constexpr std::uint32_t kCloseOnExec = 1, kAllowSealing = 2;
}  // namespace memfd
Result<int> do_memfd_create(Process& process, std::string_view name, std::uint32_t flags);

// dup(2), close(2)
Result<int> do_dup(Process& process, int number);
Result<void> do_close(Process& process, int number);

// fcntl(2): F_ADD_SEALS, F_GET_SEALS
Result<void> do_add_seals(Process& process, int number, std::uint32_t seals);
Result<Seals> do_get_seals(Process& process, int number);

}  // namespace quire
