// Locks that are spun for. A task that holds one may not sleep, yield or switch: hosts check
// CpuContext::spinlocks_held in every build.
//
// Ranks     Locks are taken in ascending rank; debug builds stop the machine otherwise.
// Cost      One locked instruction to take, a plain store to give back. A contended lock lets the
//           host run someone else (Host::yield), so that a machine with one OS thread makes way.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "host/arch.hpp"

namespace quire {

enum class LockRank : std::uint8_t {
  kSysctl,
  kSlabCaches,
  kVmap,
  kPercpu,
  kPageTable,
  kVmaTree,
  kAnonVma,
  kPte,
  kMapping,
  kLru,
  kSlabNode,
  kZone,
  kExtension,
};
constexpr unsigned index_of(LockRank rank) { return static_cast<unsigned>(rank); }

class QUIRE_CAPABILITY("spinlock") SpinLock {
 public:
  constexpr explicit SpinLock(LockRank rank) : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void lock() QUIRE_ACQUIRE() {
    while (!try_lock()) wait();
  }
  bool try_lock() QUIRE_TRY_ACQUIRE(true) {
    if (word_.exchange(1, std::memory_order_acquire) != 0) return false;
    note_taken();
    return true;
  }
  void unlock() QUIRE_RELEASE() {
    note_given_back();
    word_.store(0, std::memory_order_release);
  }
  [[nodiscard]] bool is_locked() const { return word_.load(std::memory_order_relaxed) != 0; }

 private:
  void wait() const;

  void note_taken() const {
    CpuContext* const context = Arch::current();
    if (context == nullptr) return;
    QUIRE_DEBUG_ASSERT(context->spinlocks_held >> index_of(rank_) == 0);
    context->spinlocks_held |= std::uint32_t{1} << index_of(rank_);
  }
  void note_given_back() const {
    CpuContext* const context = Arch::current();
    if (context != nullptr) context->spinlocks_held &= ~(std::uint32_t{1} << index_of(rank_));
  }

  std::atomic<std::uint32_t> word_ = 0;
  LockRank rank_;
};

class QUIRE_SCOPED_CAPABILITY SpinGuard {
 public:
  explicit SpinGuard(SpinLock& lock) QUIRE_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~SpinGuard() QUIRE_RELEASE() { lock_.unlock(); }
  SpinGuard(const SpinGuard&) = delete;
  SpinGuard& operator=(const SpinGuard&) = delete;

 private:
  SpinLock& lock_;
};

}  // namespace quire
