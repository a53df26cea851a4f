#include "hosts/sim/sim_kernel_thread.hpp"

#include <string>

namespace quire {

SimKernelThread::SimKernelThread(SimHost& host, CpuContext& cpu, KernelTask& task)
    : state_(std::make_shared<State>(State{host, cpu, &task})) {
  task.run_on(this);
  wake();
}

SimKernelThread::~SimKernelThread() {
  state_->task->run_on(nullptr);
  state_->task = nullptr;
}

void SimKernelThread::wake() {
  if (std::exchange(state_->woken, true) || state_->running) return;
  state_->host.spawn(state_->cpu, std::string(state_->task->name()),
                     [state = state_] { work(state); });
}

void SimKernelThread::work(const std::shared_ptr<State>& state) {
  if (state->task == nullptr) return;
  ++state->next;
  state->running = true;
  std::uint64_t delay_ns = 0;
  do {
    state->woken = false;
    delay_ns = state->task->round();
    state->host.give_way();
  } while (state->task != nullptr && (state->woken || delay_ns == 0));
  state->running = false;
  if (delay_ns != KernelTask::kWhenWoken) work_after(state, delay_ns);
}

void SimKernelThread::work_after(const std::shared_ptr<State>& state, std::uint64_t delay_ns) {
  state->host.call_after(state->cpu, delay_ns, [state, number = state->next] {
    if (state->next == number && !state->running && !state->woken) work(state);
  });
}

}  // namespace quire
