#include "engine/engine.hpp"

#include <algorithm>

#include "engine/program_thread.hpp"

namespace quire {
namespace {

// What a process is before its program maps anything: a page of code, a page of data, the heap
// behind it.
constexpr Segment kSegments[] = {
    {{VirtAddr{0x400000}, VirtAddr{0x401000}}, VmFlags::kRead | VmFlags::kExec},
    {{VirtAddr{0x401000}, VirtAddr{0x402000}}, VmFlags::kRead | VmFlags::kWrite}};

}  // namespace

Engine::Engine(const Parts& parts, const EngineOptions& options)
    : parts_(parts),
      options_(options),
      tlb_(*parts.machine.mmu().model()),
      files_({parts.host, parts.machine, parts.floor, options_.cost, options_.verify}),
      threads_on_(parts.machine.cpus().size()) {}

Engine::~Engine() = default;

Result<void> Engine::start(const std::string& name, std::unique_ptr<Program> program,
                           std::optional<CpuId> cpu) {
  const OnCpu on_cpu(parts_.machine.cpus().front());
  QUIRE_TRY_ASSIGN(process, parts_.floor.processes().create({name, kSegments}, {.ipc_lock = true}));
  LiveProcess& live = add_process(*process, name);
  live.cpu = cpu;
  spawn(live, std::move(program));
  return {};
}

LiveProcess& Engine::add_process(Process& process, const std::string& name) {
  LiveProcess& live = *processes_.emplace_back(std::make_unique<LiveProcess>());
  live.process = &process;
  live.name = name;
  live.pid = process.task.pid;
  live.started_ns = parts_.host.now_ns();
  by_task_[&process.task] = &process;
  return live;
}

CpuContext& Engine::least_busy_cpu() {
  const auto least = std::ranges::min_element(threads_on_);
  return parts_.machine.cpus()[static_cast<std::size_t>(least - threads_on_.begin())];
}

void Engine::spawn(LiveProcess& live, std::unique_ptr<Program> program) {
  std::erase_if(threads_, [](const auto& thread) { return thread->finished(); });
  CpuContext& home =
      live.cpu.has_value() ? parts_.machine.cpus()[index_of(*live.cpu)] : least_busy_cpu();
  ++threads_on_[index_of(home.cpu)];
  ++live.threads;
  ProgramThread& thread = *threads_.emplace_back(
      std::make_unique<ProgramThread>(*this, live, home, std::move(program)));
  parts_.host.spawn(home, live.name, [&thread] { thread.run(); });
}

RunEnd Engine::run() {
  parts_.host.at_each_switch([this](CpuContext& cpu) { switched(cpu); });
  parts_.machine.set_oom_killer(this);
  parts_.host.run_until_idle();
  parts_.machine.set_oom_killer(nullptr);
  parts_.host.at_each_switch({});
  now_ns_ = max_of(now_ns_, parts_.host.now_ns());
  for (const auto& live : processes_) refresh(*live);
  const OnCpu on_cpu(parts_.machine.cpus().front());
  for (const Observed& each : observers_) each.observer.sample(now_ns_);
  return stopped_.value_or(RunEnd::kFinished);
}

void Engine::switched(CpuContext& cpu) {
  const auto process = by_task_.find(cpu.task);
  if (process != by_task_.end()) parts_.floor.processes().run(*process->second);
}

void Engine::thread_ended(LiveProcess& live, CpuContext& cpu) {
  --threads_on_[index_of(cpu.cpu)];
  parts_.floor.processes().stop(cpu);
  if (--live.threads == 0 && !stopped_.has_value()) end_process(live);
}

void Engine::end_process(LiveProcess& live) {
  if (live.state == LiveProcess::State::kRunning) live.state = LiveProcess::State::kExited;
  refresh(live);
  for (const auto& [descriptor, file] : live.files) file->put();
  live.files.clear();
  live.stamps.clear();
  live.ended_ns = parts_.host.now_ns();
  by_task_.erase(&live.process->task);
  parts_.floor.processes().exit(*live.process);
  live.process = nullptr;
  if (victim_ == &live) victim_ = nullptr;
}

void Engine::stop(RunEnd why) {
  if (!stopped_.has_value()) stopped_ = why;
}

void Engine::tick(std::uint64_t now_ns) {
  now_ns_ = max_of(now_ns_, now_ns);
  for (Observed& each : observers_)
    if (now_ns_ >= each.next_ns) each.next_ns = each.observer.sample(now_ns_);
  if (options_.until_ns.has_value() && now_ns >= *options_.until_ns) stop(RunEnd::kUntil);
  if (options_.interrupted != nullptr && options_.interrupted->load(std::memory_order_relaxed))
    stop(RunEnd::kInterrupted);
}

void Engine::count_fault(LiveProcess& live, FaultKind kind) {
  ++live.faults[index_of(kind)];
  ++faults_[index_of(kind)];
  if (++fault_count_ == options_.until_fault) stop(RunEnd::kUntil);
}

TlbCounts Engine::tlb_counts() const {
  TlbCounts sum;
  for (const CpuContext& cpu : parts_.machine.cpus()) {
    const TlbCounts& counts = tlb_.cpu(cpu.cpu).counts();
    sum.accesses += counts.accesses;
    sum.l2_hits += counts.l2_hits;
    sum.walks += counts.walks;
    sum.faults += counts.faults;
    sum.page_flushes += counts.page_flushes;
    sum.full_flushes += counts.full_flushes;
  }
  return sum;
}

}  // namespace quire
