// A thread for what a machine does of its own accord: rounds by the real clock, on the CPU that is
// shared, so that nobody finds his CPU taken.
//
// Ownership  Outlived by the pool and the task. Its end waits for a round that runs.
// Locking    wake() may come from any thread; it takes a mutex for a moment.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "filemap/filemap.hpp"
#include "hosts/native/cpu_pool.hpp"

namespace quire {

class NativeKernelThread final : public KernelThread {
 public:
  NativeKernelThread(CpuPool& pool, KernelTask& task);
  ~NativeKernelThread();
  NativeKernelThread(const NativeKernelThread&) = delete;
  NativeKernelThread& operator=(const NativeKernelThread&) = delete;

  void wake() override;

 private:
  void work();
  bool wait(std::uint64_t delay_ns);

  CpuPool& pool_;
  KernelTask& task_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool woken_ = false;  // under mutex_
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace quire
