// Gives free pages that the process has written back to the operating system, when there are many
// of them and they have been free for a while.
//
// Policy   Pages are used where they were used before, so that what is free and was written is
//          about what use has fallen by since it was highest. When that is more than a sixteenth
//          of what is in use, and kSlack, it goes back, at most every kPause.
// Locking  On a CPU of the machine (a Visit); one thread trims at a time, others pass on.
#pragma once

#include <atomic>

#include "machine/machine.hpp"

namespace quire::preload {

class Trimmer final : public FreePageSink {
 public:
  explicit Trimmer(Machine& machine)
      : machine_(machine), reporting_(machine.pages(), *this) {}

  // Whether it is time to trim, `used` pages not being free; trim() must follow then.
  [[nodiscard]] bool is_due(std::uint64_t used) {
    if (used <= peak_.load(std::memory_order_relaxed)) [[likely]] {
      const std::uint64_t fallen = peak_.load(std::memory_order_relaxed) - used;
      return fallen > used / 16 + kSlack && begin();
    }
    peak_.store(used, std::memory_order_relaxed);
    if (used > highest_.load(std::memory_order_relaxed))
      highest_.store(used, std::memory_order_relaxed);
    return false;
  }
  void trim(Zone& zone, std::uint64_t used);
  // All free pages at once.
  PageCount trim_all(Zone& zone);

  // Pages given back so far, and the most that were in use at once.
  [[nodiscard]] std::uint64_t given_back() const { return given_back_.load(); }
  [[nodiscard]] std::uint64_t highest() const { return highest_.load(); }

  void report(PageIndex first, PageCount pages) override;

 private:
  static constexpr std::uint64_t kSlack = 2048;  // pages
  static constexpr std::uint64_t kPause = 50'000'000;  // nanoseconds

  [[nodiscard]] bool begin();

  Machine& machine_;
  FreePageReporting reporting_;
  std::atomic<std::uint64_t> peak_ = 0;  // since it last trimmed
  std::atomic<std::uint64_t> highest_ = 0;
  std::atomic<std::uint64_t> given_back_ = 0;
  std::atomic<std::uint64_t> next_ns_ = 0;
  std::atomic<bool> busy_ = false;
};

}  // namespace quire::preload
