// An error of writing that everybody who had the file open is told once (errseq_t).
//
// Cost     One word. Errors that nobody has seen yet replace each other.
// Locking  None: atomic.
// Source   Documentation/core-api/errseq.rst.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.hpp"

namespace quire {

class ErrSeq {
 public:
  enum class Seen : std::uint32_t {};

  void set(Errno error) {
    std::uint32_t old = word_.load(std::memory_order_relaxed);
    std::uint32_t next = 0;
    do {
      const std::uint32_t step = (old & kSeen) != 0 ? kStep : 0;
      next = ((old & ~(kSeen | kError)) + step) | static_cast<std::uint32_t>(error);
    } while (!word_.compare_exchange_weak(old, next, std::memory_order_acq_rel));
  }
  // Where who opens the file now begins: an error that nobody has seen is still told to them.
  [[nodiscard]] Seen sample() const {
    const std::uint32_t now = word_.load(std::memory_order_acquire);
    return Seen{(now & kSeen) != 0 ? now : 0};
  }
  // The error since `since`, which moves on: one of those who ask at once is told.
  Result<void> check_and_advance(std::atomic<Seen>& since) {
    std::uint32_t now = word_.load(std::memory_order_acquire);
    Seen told = since.load(std::memory_order_relaxed);
    if (now == static_cast<std::uint32_t>(told)) return {};
    const std::uint32_t seen = now | kSeen;
    word_.compare_exchange_strong(now, seen, std::memory_order_acq_rel);
    if (!since.compare_exchange_strong(told, Seen{seen}, std::memory_order_relaxed)) return {};
    return static_cast<Errno>(seen & kError);
  }

 private:
  static constexpr std::uint32_t kError = 0xff;
  static constexpr std::uint32_t kSeen = 0x100;
  static constexpr std::uint32_t kStep = 0x200;

  std::atomic<std::uint32_t> word_ = 0;
};

}  // namespace quire
