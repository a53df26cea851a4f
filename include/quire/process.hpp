// Processes, for quire/quire.hpp: the calls of quire/process.h with ownership and distinct types.
//
//   quire::Process shell = machine->process("shell").value();
//   const quire::Address at = shell.map(8192).value();
//   shell.store(at, 42);
//   quire::Process child = shell.fork().value();
//   int seen = child.load<int>(at).value();
//
// Ownership  A Process exits when it ends. Borrows the machine.
// Threads    One at a time uses a Process.
#pragma once

#include <quire/files.hpp>
#include <quire/pages.hpp>
#include <quire/process.h>
#include <quire/process_types.hpp>
#include <quire/user_pages.hpp>

#include <cstdint>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace quire {
inline namespace api {

class Process {
 public:
  static Result<Process> create(quire_machine* machine, const std::string& name,
                                const std::vector<Segment>& segments) {
    const Image image(name, segments);
    return adopt(machine, quire_process_create(machine, &image.program));
  }
  ~Process() {
    if (pid_ != 0) quire_process_exit(machine_, pid_);
  }
  Process(Process&& other) noexcept
      : machine_(other.machine_), pid_(std::exchange(other.pid_, 0)) {}
  Process& operator=(Process&& other) noexcept {
    std::swap(machine_, other.machine_);
    std::swap(pid_, other.pid_);
    return *this;
  }

  [[nodiscard]] std::int64_t pid() const { return pid_; }
  // "/proc/7/maps".
  [[nodiscard]] std::string path(const std::string& file) const {
    return "/proc/" + std::to_string(pid_) + "/" + file;
  }
  Result<Process> fork() { return adopt(machine_, quire_process_fork(machine_, pid_)); }
  Result<Done> exec(const std::string& name, const std::vector<Segment>& segments) {
    const Image image(name, segments);
    return done(quire_process_exec(machine_, pid_, &image.program));
  }
  Result<quire_faults> faults() const {
    quire_faults faults{};
    const int code = quire_process_faults(machine_, pid_, &faults);
    if (code != 0) return failed(code);
    return faults;
  }

  Result<File> open(const std::string& path, OpenFlags flags) {
    return file(quire_file_open(machine_, pid_, path.c_str(), static_cast<unsigned>(flags)));
  }
  // A file in memory without a path.
  Result<File> memfd(const std::string& name, bool sealing = false) {
    const unsigned flags = sealing ? QUIRE_MFD_ALLOW_SEALING : 0;
    return file(quire_file_memfd_create(machine_, pid_, name.c_str(), flags));
  }
  // The file that a parent or an earlier program of the process left open by that number.
  [[nodiscard]] File inherited(int fd) const { return File(machine_, pid_, fd); }

  // Memory of `size` bytes, where Linux would put it.
  Result<Address> map(std::uint64_t size, Access access = Access::kReadWrite,
                      MapFlags flags = MapFlags::kPrivate) {
    return map(Span{Address{}, size}, access, flags);
  }
  Result<Address> map(Span wish, Access access, MapFlags flags) {
    const quire_mmap request{raw(wish.start), wish.size, static_cast<std::uint64_t>(access),
                             static_cast<std::uint64_t>(flags)};
    return address(quire_process_mmap(machine_, pid_, &request));
  }
  Result<Done> unmap(Span span) { return call(quire_process_munmap, span); }
  Result<Done> protect(Span span, Access access) {
    const quire_span where = to_c(span);
    return done(quire_process_mprotect(machine_, pid_, &where, static_cast<unsigned>(access)));
  }
  // May move; where it is then.
  Result<Address> resize(Span span, std::uint64_t size) {
    const quire_mremap request{to_c(span), size, QUIRE_MREMAP_MAYMOVE, 0};
    return address(quire_process_mremap(machine_, pid_, &request));
  }
  // Where the heap ends after the call, which is where it did if it could not be moved.
  Result<Address> brk(Address end = {}) {
    return address(quire_process_brk(machine_, pid_, raw(end)));
  }
  Result<Done> advise(Span span, Advice advice) {
    const quire_span where = to_c(span);
    return done(quire_process_madvise(machine_, pid_, &where, static_cast<unsigned>(advice)));
  }
  Result<Done> lock(Span span) {
    const quire_span where = to_c(span);
    return done(quire_process_mlock(machine_, pid_, &where, 0));
  }
  Result<Done> unlock(Span span) { return call(quire_process_munlock, span); }
  // For somebody who uses their frames (pin_user_pages).
  Result<PinnedPages> pin(Span span, Pin how = Pin::kWrite) {
    return PinnedPages::pin(machine_, pid_, span, how);
  }
  Result<Done> lock_all(unsigned flags) {
    return done(quire_process_mlockall(machine_, pid_, flags));
  }
  Result<Done> unlock_all() { return done(quire_process_munlockall(machine_, pid_)); }
  // What was written to mappings of files is in the files then.
  Result<Done> sync(Span span) {
    const quire_span where = to_c(span);
    return done(quire_process_msync(machine_, pid_, &where, QUIRE_MS_SYNC));
  }
  // Of whole pages: 1 for each that is in memory.
  Result<std::vector<std::uint8_t>> resident(Span span) const {
    std::vector<std::uint8_t> pages((span.size >> QUIRE_PAGE_SHIFT) + 1);
    const quire_span where = to_c(span);
    const int code = quire_process_mincore(machine_, pid_, &where, pages.data());
    if (code != 0) return failed(code);
    pages.resize((span.size + (1u << QUIRE_PAGE_SHIFT) - 1) >> QUIRE_PAGE_SHIFT);
    return pages;
  }

  // What the program does.
  Result<Done> read(Span from, void* to) {
    const quire_span where = to_c(from);
    return done(quire_process_read(machine_, pid_, &where, to));
  }
  Result<Done> write(Span to, const void* from) {
    const quire_span where = to_c(to);
    return done(quire_process_write(machine_, pid_, &where, from));
  }
  Result<Done> touch(Span span, Access one) {
    const quire_span where = to_c(span);
    return done(quire_process_touch(machine_, pid_, &where, static_cast<unsigned>(one)));
  }
  template <class T>
  Result<T> load(Address from) {
    static_assert(std::is_trivially_copyable_v<T>);
    T value{};
    if (auto got = read({from, sizeof(T)}, &value); !got) return got.error();
    return value;
  }
  template <class T>
  Result<Done> store(Address to, const T& value) {
    static_assert(std::is_trivially_copyable_v<T>);
    return write({to, sizeof(T)}, &value);
  }

 private:
  struct Image {
    Image(const std::string& name, const std::vector<Segment>& given) {
      for (const Segment& segment : given)
        segments.push_back({raw(segment.span.start), segment.span.size,
                            static_cast<std::uint32_t>(segment.access), 0});
      program = {sizeof program, name.c_str(), segments.data(), segments.size(), nullptr, 0, 0};
    }
    std::vector<quire_segment> segments;
    quire_program program{};
  };

  Process(quire_machine* machine, std::int64_t pid) : machine_(machine), pid_(pid) {}
  static std::uint64_t raw(Address at) { return static_cast<std::uint64_t>(at); }
  static quire_span to_c(Span span) { return {raw(span.start), span.size}; }
  static Error failed(std::int64_t code) { return {static_cast<int>(-code), quire_last_error()}; }
  static Result<Process> adopt(quire_machine* machine, std::int64_t pid) {
    if (pid < 0) return failed(pid);
    return Process(machine, pid);
  }
  Result<File> file(int fd) const {
    if (fd < 0) return failed(fd);
    return File(machine_, pid_, fd);
  }
  static Result<Done> done(int code) {
    if (code != 0) return failed(code);
    return Done{};
  }
  static Result<Address> address(std::int64_t at) {
    if (at < 0) return failed(at);
    return static_cast<Address>(at);
  }
  Result<Done> call(int (*function)(quire_machine*, std::int64_t, const quire_span*), Span span) {
    const quire_span where = to_c(span);
    return done(function(machine_, pid_, &where));
  }

  quire_machine* machine_;
  std::int64_t pid_;
};

}  // namespace api
}  // namespace quire
