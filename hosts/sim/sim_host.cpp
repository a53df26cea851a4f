#include "hosts/sim/sim_host.hpp"

#include <algorithm>
#include <ostream>

namespace quire {

SimHost::SimHost(SimOptions options) : options_(std::move(options)), random_(options_.seed) {}

SimHost::~SimHost() = default;

// Boot tier ---------------------------------------------------------------------------------------

Result<std::byte*> SimHost::reserve_tables(Bytes size, NodeId node) {
  return map("tables", size, node);
}

Result<std::byte*> SimHost::reserve_frames(PageCount frames) {
  return map("page frames", size_of(frames), kNoNode);
}

Result<std::byte*> SimHost::map(std::string_view what, Bytes size, NodeId node) {
  const Result<std::byte*> memory = mappings_.map(size);
  if (!memory.has_value()) log(describe_refusal(what, size, node));
  return memory;
}

void SimHost::log(std::string_view line) {
  log_lines_.emplace_back(line);
  if (options_.log != nullptr) *options_.log << line << '\n';
}

void SimHost::panic(std::string_view report) {
  std::string full(report);
  full += "\nsim: seed " + std::to_string(options_.seed) + ", time " + std::to_string(now_ns()) +
          " ns";
  if (running_ != nullptr)
    full += ", task " + running_->name + " on CPU " +
            std::to_string(index_of(running_->cpu.context().cpu));
  stop_process(full, options_.on_panic);
}

// Running tier ------------------------------------------------------------------------------------

std::uint64_t SimHost::now_ns() {
  return running_ != nullptr ? running_->cpu.clock_ns() : time_ns_;
}

void SimHost::yield() {
  if (running_ == nullptr) return;
  // A contended lock yields, and whoever waits for it may be in the middle of its CPU's own data.
  if (!options_.explore) return give_way();
  running_->cpu.advance_ns(options_.yield_cost_ns);
  leave_cpu(SimTask::State::kStopped);
}

void SimHost::give_way() {
  if (running_ == nullptr) return;
  check_no_locks_held("yields");
  running_->cpu.advance_ns(options_.yield_cost_ns);
  leave_cpu(SimTask::State::kReady);
}

void SimHost::let_others_catch_up() {
  if (running_ == nullptr) return;
  check_no_locks_held("waits for others");
  leave_cpu(running_->cpu.has_interrupt() ? SimTask::State::kReady : SimTask::State::kStopped);
}

void SimHost::preempt_point() {
  if (running_ != nullptr && options_.explore) leave_cpu(SimTask::State::kStopped);
}

void SimHost::sleep_ns(std::uint64_t duration_ns) {
  if (running_ == nullptr) panic("only a task can sleep");
  check_no_locks_held("sleeps");
  ready_at(*running_, now_ns() + duration_ns);
  leave_cpu(SimTask::State::kWaiting);
}

void SimHost::advance_ns(std::uint64_t cost_ns) {
  if (running_ != nullptr)
    running_->cpu.advance_ns(cost_ns);
  else
    time_ns_ += cost_ns;
}

void SimHost::leave_cpu(SimTask::State state) {
  running_->state = state;
  running_->fiber.suspend();
}

void SimHost::check_no_locks_held(const char* what) {
  if (running_->cpu.context().spinlocks_held == 0) return;
  panic("task " + running_->name + ' ' + what + " with spinlocks held");
}

// Tasks -------------------------------------------------------------------------------------------

void SimHost::spawn(CpuContext& cpu, std::string name, std::function<void()> body) {
  SimTask& task = make_task(cpu, std::move(name), std::move(body));
  ++unfinished_;
  ready_at(task, now_ns());
}

void SimHost::call_after(CpuContext& cpu, std::uint64_t delay_ns, std::function<void()> body) {
  SimTask& task = make_task(cpu, "deferred", std::move(body));
  task.deferred = true;
  ready_at(task, now_ns() + delay_ns);
}

VirtualCpu& SimHost::cpu_of(CpuContext& context) {
  for (const auto& cpu : cpus_)
    if (&cpu->context() == &context) return *cpu;
  return *cpus_.emplace_back(std::make_unique<VirtualCpu>(context));
}

SimTask& SimHost::make_task(CpuContext& cpu, std::string name, std::function<void()> body) {
  const auto new_stack = [this] {
    if (free_stacks_.empty()) return FiberStack(options_.stack_size.raw());
    FiberStack stack = std::move(free_stacks_.back());
    free_stacks_.pop_back();
    return stack;
  };
  auto task =
      std::make_unique<SimTask>(cpu_of(cpu), std::move(name), new_stack(), std::move(body));
  task->slot = tasks_.size();
  return *tasks_.emplace_back(std::move(task));
}

void SimHost::ready_at(SimTask& task, std::uint64_t due_ns) {
  events_.push_back({due_ns, random_.next(), &task});
  std::push_heap(events_.begin(), events_.end());
}

void SimHost::retire(SimTask& task) {
  if (task.cpu.context().spinlocks_held != 0)
    panic("task " + task.name + " ended with spinlocks held");
  free_stacks_.push_back(task.fiber.take_stack());
  const std::size_t slot = task.slot;
  tasks_.back()->slot = slot;
  tasks_[slot].swap(tasks_.back());
  tasks_.pop_back();
  --unfinished_;
}

// Scheduling --------------------------------------------------------------------------------------

void SimHost::run_until_idle() {
  run(kNever, true);
  for (const auto& cpu : cpus_) time_ns_ = std::max(time_ns_, cpu->clock_ns());
}

void SimHost::run_for(std::uint64_t duration_ns) {
  const std::uint64_t until_ns = now_ns() + duration_ns;
  run(until_ns, false);
  time_ns_ = until_ns;
}

void SimHost::run(std::uint64_t until_ns, bool until_idle) {
  if (running_ != nullptr) panic("a task cannot run the scheduler");
  CpuContext* const outside = Arch::current();
  if (outside != nullptr && outside->spinlocks_held != 0)
    panic("the scheduler is run with spinlocks held");
  while (!until_idle || unfinished_ != 0) {
    VirtualCpu* const cpu = next_cpu(until_ns);
    if (cpu == nullptr) break;
    run_on(*cpu);
  }
  Arch::set_current(outside);
}

VirtualCpu* SimHost::next_cpu(std::uint64_t until_ns) {
  std::uint64_t least_ns = kNever;
  for (const auto& cpu : cpus_)
    if (cpu->has_work()) least_ns = std::min(least_ns, cpu->clock_ns());
  while (!events_.empty() && events_.front().due_ns <= std::min(least_ns, until_ns))
    least_ns = std::min(least_ns, wake_first());
  if (least_ns == kNever || least_ns > until_ns) return nullptr;

  const std::uint64_t limit_ns = options_.explore ? until_ns : least_ns;
  const auto eligible = [&](const auto& cpu) {
    return cpu->has_work() && cpu->clock_ns() <= limit_ns;
  };
  const auto count = std::count_if(cpus_.begin(), cpus_.end(), eligible);
  std::uint32_t skip = random_.below(static_cast<std::uint32_t>(count));
  for (const auto& cpu : cpus_)
    if (eligible(cpu) && skip-- == 0) return cpu.get();
  panic("no CPU is eligible");
}

std::uint64_t SimHost::wake_first() {
  std::pop_heap(events_.begin(), events_.end());
  const Event event = events_.back();
  events_.pop_back();
  SimTask& task = *event.task;
  task.interrupt = std::exchange(task.deferred, false);
  if (task.interrupt) ++unfinished_;
  task.state = SimTask::State::kReady;
  task.cpu.add(task, event.due_ns);
  return task.cpu.clock_ns();
}

void SimHost::run_on(VirtualCpu& cpu) {
  SimTask& task = cpu.next(random_);
  CpuContext& context = cpu.context();
  task.state = SimTask::State::kEnded;
  context.task = task.current;
  Arch::set_current(&context);
  running_ = &task;
  if (at_each_switch_) at_each_switch_(context);
  task.fiber.resume();
  running_ = nullptr;
  task.current = context.task;
  if (task.state != SimTask::State::kStopped) context.task = &context.idle_task;
  switch (task.state) {
    case SimTask::State::kStopped: return cpu.keep(task);
    case SimTask::State::kReady: return cpu.add(task, cpu.clock_ns());
    case SimTask::State::kWaiting: return;
    case SimTask::State::kEnded: return retire(task);
  }
}

}  // namespace quire
