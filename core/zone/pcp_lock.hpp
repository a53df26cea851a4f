// The lock of a per-CPU set, which one CPU takes all the time and others hardly ever.
//
// The owner pays no locked instruction: it says that it is busy and looks whether anyone has
// claimed the set. Whoever claims it pays for both: a barrier on every CPU (Host::barrier_all),
// after which either the owner sees the claim or the claimant sees that the owner is busy.
//
// Cost      Owner: three plain accesses. Others: a barrier of all CPUs, some microseconds.
// Locking   try_lock() and unlock() only on the CPU whose set it is; claim() and release()
//           anywhere else, and there too.
#pragma once

#include <atomic>
#include <cstdint>

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

class QUIRE_CAPABILITY("pcp") PcpLock {
 public:
  // By the owner. False: claimed by someone, go to the zone.
  [[nodiscard]] bool try_lock() QUIRE_TRY_ACQUIRE(true) {
    busy_.store(1, std::memory_order_relaxed);
    // Not reordered by the compiler; by the processor neither, after barrier_all().
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (claimed_.load(std::memory_order_acquire) == 0) [[likely]] return true;
    busy_.store(0, std::memory_order_release);
    return false;
  }
  // By the owner, where what it does then is harmless though someone had claimed the set: because
  // who claims it also takes away what the owner would find, and then waits for the owner.
  void enter() QUIRE_ACQUIRE() {
    busy_.store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
  }
  void unlock() QUIRE_RELEASE() { busy_.store(0, std::memory_order_release); }

  // By anyone: waits for other claimants and for the owner to be done.
  void claim(Host& host) QUIRE_ACQUIRE() {
    while (claimed_.exchange(1, std::memory_order_acquire) != 0) host.yield();
    wait_for_owner(host);
  }
  // By whoever has claimed: what the claimant wrote before is what the owner sees from now on.
  void wait_for_owner(Host& host) {
    host.barrier_all();
    while (busy_.load(std::memory_order_acquire) != 0) host.yield();
  }
  void release() QUIRE_RELEASE() { claimed_.store(0, std::memory_order_release); }

 private:
  std::atomic<std::uint32_t> busy_ = 0;
  std::atomic<std::uint32_t> claimed_ = 0;
};

}  // namespace quire
