#include "hosts/native/native_kernel_thread.hpp"

#include <algorithm>
#include <chrono>

namespace quire {

NativeKernelThread::NativeKernelThread(CpuPool& pool, KernelTask& task)
    : pool_(pool), task_(task), thread_([this] { work(); }) {
  task_.run_on(this);
}

NativeKernelThread::~NativeKernelThread() {
  task_.run_on(nullptr);
  {
    const std::lock_guard guard(mutex_);
    ended_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void NativeKernelThread::wake() {
  {
    const std::lock_guard guard(mutex_);
    if (woken_) return;
    woken_ = true;
  }
  changed_.notify_one();
}

// False: there is no next round.
bool NativeKernelThread::wait(std::uint64_t delay_ns) {
  // A day: what clocks can add to any time.
  constexpr std::uint64_t kLongest = 86'400'000'000'000;
  std::unique_lock guard(mutex_);
  const auto due = [this] { return woken_ || ended_; };
  if (delay_ns == KernelTask::kWhenWoken)
    changed_.wait(guard, due);
  else
    changed_.wait_for(guard, std::chrono::nanoseconds(std::min(delay_ns, kLongest)), due);
  woken_ = false;
  return !ended_;
}

void NativeKernelThread::work() {
  std::uint64_t delay_ns = 0;
  while (wait(delay_ns)) {
    CpuClaim claim = CpuClaim::share(pool_);
    const CpuUse use(claim);
    delay_ns = task_.round();
  }
}

}  // namespace quire
