// What a machine does of its own accord (kernel threads: the flusher): rounds of work, for which
// the host lends a thread or a fiber.
//
//   SimKernelThread thread(host, cpu, floor.flusher());    // hosts/sim, hosts/native
//
// A machine works without: then what a task does is done by whoever needs it done.
//
// Ownership  The task is the machine's, its KernelThread the host's. Whoever owns the thread tells
//            the task of it, and takes it back before it goes, while nobody else is on the machine.
// Locking    round() comes on a CPU of the machine with no lock held, one at a time, and may sleep.
//            wake() is called with no spinlock held, from any CPU, also from within a round.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace quire {

class KernelThread {
 public:
  // A round is wanted now. Many calls before it begins are one.
  virtual void wake() = 0;

 protected:
  ~KernelThread() = default;
};

class KernelTask {
 public:
  static constexpr std::uint64_t kWhenWoken = ~std::uint64_t{0};

  explicit KernelTask(std::string_view name) : name_(name) {}
  KernelTask(const KernelTask&) = delete;
  KernelTask& operator=(const KernelTask&) = delete;

  // In how many ns the next round is to be, if nobody wakes the task before.
  virtual std::uint64_t round() = 0;

  [[nodiscard]] std::string_view name() const { return name_; }
  // Null: nobody runs it.
  void run_on(KernelThread* thread) { thread_.store(thread, std::memory_order_release); }
  void wake() {
    if (KernelThread* const thread = thread_.load(std::memory_order_acquire)) thread->wake();
  }

 protected:
  ~KernelTask() = default;

 private:
  const std::string_view name_;
  std::atomic<KernelThread*> thread_ = nullptr;
};

}  // namespace quire
