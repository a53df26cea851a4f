// A lock that is slept for, shared or exclusive (struct rw_semaphore). Whoever waits to have it
// exclusively keeps new sharers out, so that it gets its turn.
//
// Locking  Taken with no spinlock held; while it is held its holder may sleep.
// Cost     One locked instruction to take and one to give back, uncontended.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "host/arch.hpp"
#include "host/contract.hpp"

namespace quire {

class QUIRE_CAPABILITY("rw_semaphore") RwSemaphore {
 public:
  RwSemaphore() = default;
  RwSemaphore(const RwSemaphore&) = delete;
  RwSemaphore& operator=(const RwSemaphore&) = delete;

  bool try_lock_shared() QUIRE_TRY_ACQUIRE_SHARED(true) {
    std::uint32_t seen = state_.load(std::memory_order_relaxed);
    while ((seen & kExclusive) == 0 && waiting_.load(std::memory_order_relaxed) == 0)
      if (state_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire)) return true;
    return false;
  }
  void lock_shared() QUIRE_ACQUIRE_SHARED() {
    while (!try_lock_shared()) wait();
  }
  void unlock_shared() QUIRE_RELEASE_SHARED() { state_.fetch_sub(1, std::memory_order_release); }

  bool try_lock() QUIRE_TRY_ACQUIRE(true) {
    std::uint32_t free = 0;
    return state_.compare_exchange_strong(free, kExclusive, std::memory_order_acquire);
  }
  void lock() QUIRE_ACQUIRE() {
    if (try_lock()) return;
    waiting_.fetch_add(1, std::memory_order_relaxed);
    while (!try_lock()) wait();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
  }
  void unlock() QUIRE_RELEASE() { state_.store(0, std::memory_order_release); }

  [[nodiscard]] bool is_locked() const { return state_.load(std::memory_order_relaxed) != 0; }
  [[nodiscard]] bool is_exclusive() const {
    return state_.load(std::memory_order_relaxed) == kExclusive;
  }

 private:
  static constexpr std::uint32_t kExclusive = 1u << 31;

  static void wait() {
    CpuContext& cpu = *Arch::current();
    QUIRE_ASSERT(cpu.spinlocks_held == 0);
    cpu.host->yield();
  }

  std::atomic<std::uint32_t> state_ = 0;    // sharers, or kExclusive
  std::atomic<std::uint32_t> waiting_ = 0;  // to have it exclusively
};

class QUIRE_SCOPED_CAPABILITY ExclusiveGuard {
 public:
  explicit ExclusiveGuard(RwSemaphore& lock) QUIRE_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
  ~ExclusiveGuard() QUIRE_RELEASE() { lock_.unlock(); }
  ExclusiveGuard(const ExclusiveGuard&) = delete;
  ExclusiveGuard& operator=(const ExclusiveGuard&) = delete;

 private:
  RwSemaphore& lock_;
};

class QUIRE_SCOPED_CAPABILITY SharedGuard {
 public:
  explicit SharedGuard(RwSemaphore& lock) QUIRE_ACQUIRE_SHARED(lock) : lock_(lock) {
    lock_.lock_shared();
  }
  ~SharedGuard() QUIRE_RELEASE() { lock_.unlock_shared(); }
  SharedGuard(const SharedGuard&) = delete;
  SharedGuard& operator=(const SharedGuard&) = delete;

 private:
  RwSemaphore& lock_;
};

}  // namespace quire
