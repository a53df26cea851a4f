// The sim host: any machine on one OS thread, with a virtual clock, the same to the bit for the
// same machine, workload and seed.
//
// A task is a fiber on a virtual CPU, which is a run queue with a clock. Among the CPUs that have
// something to run, the one whose clock is least goes on; where clocks or due times are equal, the
// seed decides. A CPU serves its ready tasks in rounds, each once a round, in an order that the
// seed decides. A task runs until it yields, sleeps or ends.
//
// Clocks     now_ns() is the clock of the CPU that the caller runs on. Time passes by advance_ns(),
//            by the cost of a yield, and when every task of a CPU sleeps. Outside of tasks now_ns()
//            is the time up to which the host has run.
// Exploring  With SimOptions::explore a CPU is chosen whatever its clock is, and yield() and
//            preempt points may stop a task in the middle of anything, with spinlocks held: it
//            keeps its CPU while others run. So seeds explore races between CPUs. Tasks of one CPU
//            take turns only where one sleeps, ends or gives way.
// Ownership  The host outlives its machines. Tasks that have not ended when it ends are dropped
//            without unwinding. A body must not throw.
// Locking    One thread at a time. Hosts on different threads have nothing in common.
// Errors     Giving up a CPU with spinlocks held is a panic; stopping while exploring does not
//            give it up. kNoMemory from the boot tier, with a line in the log of how much was
//            asked for.
#pragma once

#include <functional>
#include <iosfwd>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "host/host.hpp"
#include "hosts/common/mappings.hpp"
#include "hosts/common/reports.hpp"
#include "hosts/sim/fiber.hpp"
#include "hosts/sim/random.hpp"
#include "hosts/sim/virtual_cpu.hpp"

namespace quire {

struct SimOptions {
  std::uint64_t seed = 0;
  bool explore = false;
  Bytes stack_size = kib(256);        // of each task; memory only when touched
  std::uint64_t yield_cost_ns = 100;  // so that a task that polls the clock gets somewhere
  std::ostream* log = nullptr;        // sees each line of the log as well
  TextCallback on_panic = {};         // sees the report before stderr does; may leave
};

class SimHost final : public Host {
 public:
  explicit SimHost(SimOptions options = {});
  ~SimHost();
  SimHost(const SimHost&) = delete;
  SimHost& operator=(const SimHost&) = delete;

  Result<std::byte*> reserve_tables(Bytes size, NodeId node) override;
  Result<std::byte*> reserve_frames(PageCount frames) override;
  Result<void> map_frames(std::byte*, PfnRange, NodeId) override { return {}; }
  void log(std::string_view line) override;
  [[noreturn]] void panic(std::string_view report) override;
  std::uint64_t now_ns() override;
  void yield() override;
  void barrier_all() override {}  // one OS thread: nothing is reordered
  bool name_code(const void* address, TextSink& name) override {
    return write_code_name(address, name);
  }
  std::uint64_t seed() override { return options_.seed; }

  // A new task, ready at once on the CPU of that context.
  void spawn(CpuContext& cpu, std::string name, std::function<void()> body);
  // A task that starts `delay_ns` from now: deferred and periodic work, which calls this again at
  // its end. While it is not due it keeps nobody waiting: see run_until_idle().
  void call_after(CpuContext& cpu, std::uint64_t delay_ns, std::function<void()> body);

  // From outside of tasks. Runs until every task has ended; work that is due later stays pending.
  void run_until_idle();
  // Runs what happens in the next `duration_ns`.
  void run_for(std::uint64_t duration_ns);

  // From a task that is in the middle of nothing: lets the others of its CPU have a turn. It is
  // what yield() is, unless exploring.
  void give_way();
  // From a task that is in the middle of nothing: CPUs whose clocks are behind go on first. It
  // keeps its CPU, but for work that was deferred and is due there.
  void let_others_catch_up();
  // From a task. It waits that long, and its CPU serves others.
  void sleep_ns(std::uint64_t duration_ns);
  // The task's CPU has been busy that long. Outside of tasks: the time when spawned tasks start.
  void advance_ns(std::uint64_t cost_ns);
  // When exploring, other CPUs may go on here, whatever locks are held. Else nothing.
  void preempt_point();

  // From now on `told` is called whenever a task goes on, on its CPU. The CPU's current Task is the
  // one that was there when it stopped: its own, or one that it had put there (a process's).
  void at_each_switch(std::function<void(CpuContext&)> told) { at_each_switch_ = std::move(told); }

  [[nodiscard]] const std::vector<std::string>& log_lines() const { return log_lines_; }
  [[nodiscard]] Bytes mapped() const { return mappings_.total(); }

 private:
  // A task that becomes ready at a time. Equal times go by `tie`, which the seed chose.
  struct Event {
    std::uint64_t due_ns;
    std::uint64_t tie;
    SimTask* task;
    bool operator<(const Event& other) const {
      return due_ns != other.due_ns ? due_ns > other.due_ns : tie > other.tie;
    }
  };
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  Result<std::byte*> map(std::string_view what, Bytes size, NodeId node);
  VirtualCpu& cpu_of(CpuContext& context);
  SimTask& make_task(CpuContext& cpu, std::string name, std::function<void()> body);
  void ready_at(SimTask& task, std::uint64_t due_ns);
  void run(std::uint64_t until_ns, bool until_idle);
  VirtualCpu* next_cpu(std::uint64_t until_ns);
  std::uint64_t wake_first();
  void run_on(VirtualCpu& cpu);
  void leave_cpu(SimTask::State state);
  void check_no_locks_held(const char* what);
  void retire(SimTask& task);

  const SimOptions options_;
  Random random_;
  Mappings mappings_{Mappings::HugePages::kNever};
  std::vector<std::string> log_lines_;
  std::function<void(CpuContext&)> at_each_switch_;
  std::vector<std::unique_ptr<VirtualCpu>> cpus_;   // in the order of their first task
  std::vector<std::unique_ptr<SimTask>> tasks_;     // all that have not ended
  std::vector<FiberStack> free_stacks_;
  std::vector<Event> events_;                       // a heap, earliest first
  SimTask* running_ = nullptr;
  std::uint64_t time_ns_ = 0;                       // outside of tasks
  std::uint64_t unfinished_ = 0;                    // tasks that run_until_idle() waits for
};

}  // namespace quire
