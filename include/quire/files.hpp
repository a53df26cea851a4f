// Open files of processes, for quire/process.hpp: the calls of quire/files.h by the names of Linux.
//
//   quire::File file = process.open("/data", OpenFlags::kReadWrite | OpenFlags::kCreate).value();
//   file.write("text", 4);
//   const quire::Address at = file.map({{}, 4096}, Access::kReadWrite).value();
//
// Ownership  A File is the number of a descriptor and closes nothing by itself: close() does, and
//            the end of its process.
// Threads    One at a time uses the files of a process.
#pragma once

#include <quire/files.h>
#include <quire/pages.hpp>
#include <quire/process_types.hpp>

#include <cstdint>

namespace quire {
inline namespace api {

class File {
 public:
  File(quire_machine* machine, std::int64_t pid, int fd)
      : machine_(machine), pid_(pid), fd_(fd) {}

  [[nodiscard]] int fd() const { return fd_; }

  // How many bytes were read or written, at the position or at `offset`.
  Result<std::uint64_t> read(void* to, std::uint64_t size) const {
    const quire_read_request request{to, size, 0};
    return number(quire_file_read(machine_, pid_, fd_, &request));
  }
  Result<std::uint64_t> write(const void* from, std::uint64_t size) const {
    const quire_write_request request{from, size, 0};
    return number(quire_file_write(machine_, pid_, fd_, &request));
  }
  Result<std::uint64_t> pread(const quire_read_request& request) const {
    return number(quire_file_pread(machine_, pid_, fd_, &request));
  }
  Result<std::uint64_t> pwrite(const quire_write_request& request) const {
    return number(quire_file_pwrite(machine_, pid_, fd_, &request));
  }
  // The position after it.
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence = Whence::kSet) const {
    const quire_seek to{offset, static_cast<std::uint32_t>(whence), 0};
    return number(quire_file_lseek(machine_, pid_, fd_, &to));
  }
  Result<Done> truncate(std::int64_t size) const {
    return done(quire_file_ftruncate(machine_, pid_, fd_, size));
  }
  Result<Done> allocate(const quire_fallocate& request) const {
    return done(quire_file_fallocate(machine_, pid_, fd_, &request));
  }
  Result<Done> sync() const { return done(quire_file_fsync(machine_, pid_, fd_)); }
  Result<Done> add_seals(std::uint32_t seals) const {
    return done(quire_file_add_seals(machine_, pid_, fd_, seals));
  }
  Result<std::uint64_t> seals() const {
    return number(quire_file_get_seals(machine_, pid_, fd_));
  }
  Result<File> duplicate() const {
    const int copy = quire_file_dup(machine_, pid_, fd_);
    if (copy < 0) return failed(copy);
    return File(machine_, pid_, copy);
  }
  Result<Done> close() const { return done(quire_file_close(machine_, pid_, fd_)); }

  // Of its bytes from `offset` on, whole pages, in the process's memory.
  Result<Address> map(Span wish, Access access, MapFlags flags = MapFlags::kFileShared,
                      std::uint64_t offset = 0) const {
    const quire_file_mapping request{{static_cast<std::uint64_t>(wish.start), wish.size,
                                   static_cast<std::uint64_t>(access),
                                   static_cast<std::uint64_t>(flags)},
                                  offset};
    const std::int64_t at = quire_file_mmap(machine_, pid_, fd_, &request);
    if (at < 0) return failed(at);
    return static_cast<Address>(at);
  }

 private:
  static Error failed(std::int64_t code) { return {static_cast<int>(-code), quire_last_error()}; }
  static Result<Done> done(int code) {
    if (code != 0) return failed(code);
    return Done{};
  }
  static Result<std::uint64_t> number(std::int64_t code) {
    if (code < 0) return failed(code);
    return static_cast<std::uint64_t>(code);
  }

  quire_machine* machine_;
  std::int64_t pid_;
  int fd_;
};

}  // namespace api
}  // namespace quire
