// Threads and processes: how they begin, wait and end.
#include <algorithm>

#include "engine/program_thread.hpp"

namespace quire {

ProgramThread::ProgramThread(Engine& engine, LiveProcess& live, CpuContext& cpu,
                             std::unique_ptr<Program> program)
    : engine_(engine),
      live_(live),
      cpu_(cpu),
      tlb_(engine.tlb_.cpu(cpu.cpu)),
      program_(std::move(program)) {
  Machine& machine = engine.parts_.machine;
  for (const Node& node : machine.nodes().all())
    waits_ns_.insert(waits_ns_.end(), node.zones.size(),
                     machine.plan().numa().access_ns(cpu.node, node.id));
  same_waits_ = std::ranges::count(waits_ns_, waits_ns_.front()) == std::ssize(waits_ns_);
}

void ProgramThread::run() {
  SimHost& host = engine_.parts_.host;
  engine_.parts_.floor.processes().run(process());
  turn_end_ns_ = host.now_ns() + kTurnNs;
  slice_end_ns_ = host.now_ns() + engine_.options_.cost.slice_ns;
  Reply last = 0;
  while (goes_on() && !ended_) {
    Action action = program_->next(last);
    if (!std::holds_alternative<Touch>(action)) charge_ns(engine_.options_.cost.call_ns);
    last = std::visit([this](auto& what) { return act(what); }, action);
    if (host.now_ns() >= turn_end_ns_) end_turn();
  }
  program_.reset();
  engine_.thread_ended(live_, cpu_);
  finished_ = true;
}

Reply ProgramThread::act(Fork& call) {
  QUIRE_TRY_ASSIGN(child, engine_.parts_.floor.processes().fork(process()));
  LiveProcess& live = engine_.add_process(*child, live_.name);
  live.parent = live_.pid;
  live.cpu = live_.cpu;
  live.files = live_.files;
  for (const auto& [descriptor, file] : live.files) file->get();
  if (engine_.options_.verify) live.stamps = forked(live_.stamps, *child->mm);
  engine_.spawn(live, std::move(call.child));
  return live.pid;
}

Reply ProgramThread::act(NewThread& call) {
  engine_.spawn(live_, std::move(call.program));
  return 0;
}

Reply ProgramThread::act(const Execute& call) {
  refresh(live_);
  QUIRE_TRY(engine_.parts_.floor.processes().exec(process(), {call.name, {}}));
  live_.name = call.name;
  live_.stamps.clear();
  MmLayout& layout = mm().layout;
  layout.start_brk = layout.brk = call.heap;
  const Vma* const stack = mm().vmas.first();
  if (call.own_stack || stack == nullptr) return 0;
  QUIRE_TRY(do_munmap(caller(), stack->start(), stack->range.length()));
  return 0;
}

Reply ProgramThread::act(const Wait& call) {
  Processes& processes = engine_.parts_.floor.processes();
  engine_.tick(engine_.parts_.host.now_ns());
  processes.stop(cpu_);
  engine_.parts_.host.sleep_ns(call.ns);
  processes.run(process());
  return 0;
}

Reply ProgramThread::act(const End&) {
  ended_ = true;
  return 0;
}

Reply ProgramThread::act(const Fail& call) {
  live_.state = LiveProcess::State::kBroken;
  live_.why = call.why;
  return 0;
}

void ProgramThread::mismatch(std::string where, const Stamps& stamps) {
  engine_.mismatch_ = std::move(where) + " holds stamp " + std::to_string(stamps.found) +
                      ", expected " + std::to_string(stamps.wanted);
  engine_.stop(RunEnd::kVerifyFailed);
}

}  // namespace quire
