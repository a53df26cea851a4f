// The open files of a process, by number (files_struct).
//
// Ownership  Each number has a reference to its File. The table is kmalloc's; none is there before
//            the first file.
// Locking    Belongs to whoever runs the process.
// Errors     kBadFile: the number is not open. kTooManyFiles (RLIMIT_NOFILE); kNoMemory.
// Source     open(2), dup(2), fork(2), execve(2), getrlimit(2).
#pragma once

#include <cstdint>
#include <span>

#include "base/base.hpp"
#include "filemap/filemap.hpp"
#include "slab/slab.hpp"

namespace quire {

class Descriptors {
 public:
  static constexpr int kLimit = 1024;
  enum class OnExec : bool { kKeep, kClose };

  explicit Descriptors(Kmalloc& kmalloc) : kmalloc_(kmalloc) {}
  ~Descriptors() { close_all(); }
  Descriptors(const Descriptors&) = delete;
  Descriptors& operator=(const Descriptors&) = delete;

  // The least number that is free; the caller's reference is the table's then.
  Result<int> add(File& file, OnExec on_exec);
  // Stays open while nobody closes it.
  [[nodiscard]] Result<File*> get(int number) const;
  Result<void> close(int number);
  // All that `from` has, by the same numbers. This table is empty.
  Result<void> share(const Descriptors& from);
  void close_on_exec();
  void close_all();

 private:
  struct Slot {
    File* file = nullptr;
    OnExec on_exec = OnExec::kKeep;
  };
  Result<void> grow(std::uint32_t count);

  Kmalloc& kmalloc_;
  std::span<Slot> slots_;
};

}  // namespace quire
