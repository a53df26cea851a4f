// Which thread runs on which CPU of the machine behind malloc(). A thread gets a CPU with its first
// visit to a slow path and keeps it until it dies, so that hot paths need not ask; threads that
// find none free share the last CPU, a call at a time.
//
//   Visit visit;                     // around every call into the machine
//
// Ownership  A CPU that a dying thread leaves keeps what it has at hand for the next thread, the
//            last one left first; beyond kWarmCpus of them it is emptied.
// Draining   A CPU's sheaves are its thread's alone. Whoever wants them back asks, and each thread
//            empties its CPU with its next visit.
// Forking    No thread is within the machine when the process forks, so that the child finds it
//            whole. The child owns all CPUs but the one of the thread that forked anew.
// Locking    A visit on a CPU of one's own costs no locked instruction; a fork waits for all.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>

#include "host/host.hpp"
#include "slab/slab.hpp"

#include <pthread.h>

namespace quire::preload {

class PthreadMutex {
 public:
  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

 private:
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
};

// What hot paths of this thread work on: the per-CPU area of its CPU. Before it has one, and when
// it shares one, an area in which no cache has anything at hand.
#pragma GCC visibility push(hidden)
[[gnu::tls_model("initial-exec")]] extern constinit thread_local CpuSlab* own_area;

// How far into an area hot paths may look.
inline constexpr std::size_t kLookedAt = 32 * 1024;

// The one that this thread has freed to last.
[[gnu::tls_model("initial-exec")]] extern constinit thread_local CpuSlab* recent_slab;
#pragma GCC visibility pop

// The CpuSlab at `offset` of the area of this thread.
[[gnu::always_inline]] inline CpuSlab& own_slab(std::uint32_t offset) {
  return percpu_at<CpuSlab>(reinterpret_cast<std::byte*>(own_area), offset);
}

class Threads {
 public:
  static constexpr unsigned kCpus = 64;
  static constexpr unsigned kWarmCpus = 4;

  // Called when a CPU shall keep nothing; it is the current one.
  using Empty = void (*)(CpuContext& cpu);

  // Once, before the first visit.
  void start(Host& host, std::span<CpuContext> cpus, Empty empty);

  // In a visit: empties the CPUs that nobody has, and has the others emptied as their threads
  // visit, the caller's own at once.
  void empty_all();

  // Threads that have had a CPU of their own at the same time, at most.
  [[nodiscard]] unsigned most_at_once() const { return seats_used_; }

 private:
  friend class Visit;

  struct alignas(64) Seat {
    std::atomic<std::uint32_t> visiting = 0;
    std::uint32_t emptied = 0;  // the wish to empty CPUs that it has met
    CpuContext* cpu = nullptr;
    Seat* next = nullptr;  // that nobody has
  };

  void enter();
  void leave();
  Seat* take_seat();
  void share();
  void give_up_seat();
  void before_fork();
  void after_fork_in_parent();
  void after_fork_in_child();
  static void thread_dies(void* threads);

  Host* host_ = nullptr;
  std::span<CpuContext> cpus_;
  Empty empty_ = nullptr;
  std::atomic<std::uint32_t> wish_to_empty_ = 0;
  pthread_key_t dies_{};
  std::array<Seat, kCpus - 1> seats_{};
  PthreadMutex seats_mutex_;  // next three
  Seat* vacant_ = nullptr;
  unsigned vacant_count_ = 0;
  unsigned seats_used_ = 0;
  PthreadMutex last_cpu_;     // held by whoever runs on the CPU that is shared
  std::atomic<bool> forking_ = false;
  PthreadMutex fork_mutex_;   // held while forking_
};

extern constinit Threads threads;

// Scope of a call into the machine; scopes do not nest.
class Visit {
 public:
  Visit() { threads.enter(); }
  ~Visit() { threads.leave(); }
  Visit(const Visit&) = delete;
  Visit& operator=(const Visit&) = delete;
};

}  // namespace quire::preload
