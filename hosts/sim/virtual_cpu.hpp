// The sim host's tasks and the CPUs they run on. For hosts/sim/sim_host.hpp, which says how they
// are scheduled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "host/host.hpp"
#include "hosts/sim/fiber.hpp"
#include "hosts/sim/random.hpp"

namespace quire {

class VirtualCpu;

struct SimTask {
  enum class State : std::uint8_t { kReady, kStopped, kWaiting, kEnded };

  SimTask(VirtualCpu& on, std::string task_name, FiberStack stack, std::function<void()> body)
      : cpu(on), name(std::move(task_name)), fiber(std::move(stack), std::move(body)) {}

  VirtualCpu& cpu;
  const std::string name;
  Fiber fiber;
  Task task;                     // what the core knows of it
  Task* current = &task;         // the CPU's, while it runs: its own, or one it has put there
  State state = State::kWaiting; // kStopped: in the middle of something, it keeps its CPU
  bool deferred = false;         // not due yet, and nobody waits for it
  bool interrupt = false;        // it was deferred, and is due
  std::size_t slot = 0;          // where the host keeps it
};

class VirtualCpu {
 public:
  explicit VirtualCpu(CpuContext& context) : context_(context) {}

  [[nodiscard]] CpuContext& context() const { return context_; }
  [[nodiscard]] std::uint64_t clock_ns() const { return clock_ns_; }
  void advance_ns(std::uint64_t cost_ns) { clock_ns_ += cost_ns; }
  [[nodiscard]] bool has_work() const {
    return stopped_ != nullptr || !this_round_.empty() || !next_round_.empty();
  }

  // `task` wants to run, from `due_ns` on. An idle CPU's clock has stood still until then.
  void add(SimTask& task, std::uint64_t due_ns) {
    if (!has_work() && clock_ns_ < due_ns) clock_ns_ = due_ns;
    next_round_.push_back(&task);
    interrupts_ += task.interrupt;
  }
  // `task` was stopped in the middle of something: it goes on before anything else runs here.
  void keep(SimTask& task) { stopped_ = &task; }

  // Deferred work is due and waits for its turn.
  [[nodiscard]] bool has_interrupt() const { return interrupts_ != 0; }

  // The CPU has work.
  SimTask& next(Random& random) {
    if (stopped_ != nullptr) return *std::exchange(stopped_, nullptr);
    if (this_round_.empty()) this_round_.swap(next_round_);
    const auto chosen = this_round_.begin() +
                        random.below(static_cast<std::uint32_t>(this_round_.size()));
    SimTask& task = **chosen;
    *chosen = this_round_.back();
    this_round_.pop_back();
    interrupts_ -= std::exchange(task.interrupt, false);
    return task;
  }

 private:
  CpuContext& context_;
  std::uint64_t clock_ns_ = 0;
  SimTask* stopped_ = nullptr;
  unsigned interrupts_ = 0;  // ready tasks that are one
  std::vector<SimTask*> this_round_;
  std::vector<SimTask*> next_round_;
};

}  // namespace quire
