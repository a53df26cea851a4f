// A fiber for what a machine does of its own accord: rounds by the virtual clock, on one CPU.
//
// Rounds     run_until_idle() waits for those that are wanted now, and for none that is due later.
// Ownership  Outlived by its host and the task; rounds that are due when it ends do nothing.
// Locking    One thread at a time, as the host.
#pragma once

#include <memory>

#include "filemap/filemap.hpp"
#include "hosts/sim/sim_host.hpp"

namespace quire {

class SimKernelThread final : public KernelThread {
 public:
  // Its first round is ready at once.
  SimKernelThread(SimHost& host, CpuContext& cpu, KernelTask& task);
  ~SimKernelThread();
  SimKernelThread(const SimKernelThread&) = delete;
  SimKernelThread& operator=(const SimKernelThread&) = delete;

  void wake() override;
  // A round is wanted now and has not begun.
  [[nodiscard]] bool is_woken() const { return state_->woken; }

 private:
  // What fibers that start later find, whatever has become of the thread.
  struct State {
    SimHost& host;
    CpuContext& cpu;
    KernelTask* task;           // null: the thread is gone
    std::uint64_t next = 0;     // number of the round that is to come; others have been overtaken
    bool running = false;
    bool woken = false;
  };
  static void work(const std::shared_ptr<State>& state);
  static void work_after(const std::shared_ptr<State>& state, std::uint64_t delay_ns);

  const std::shared_ptr<State> state_;
};

}  // namespace quire
