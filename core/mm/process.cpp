#include "mm/process.hpp"

#include <new>

#include "mm/lifetime.hpp"

namespace quire {

Result<Process*> Processes::make(std::string_view name, Mm& mm, std::uint32_t parent) {
  void* const memory = parts_.processes.alloc(Gfp::kKernelAccount);
  if (memory == nullptr) return Errno::kNoMemory;
  Process* const process = new (memory) Process(parts_.mm.kmalloc);
  process->mm = &mm;
  process->parent = parent;
  process->task.set_name(name);
  const ExclusiveGuard guard(lock_);
  process->task.pid = process->task.tgid = ++last_pid_;
  Process** place = &first_;
  while (*place != nullptr) place = &(*place)->next;
  *place = process;
  ++count_;
  return process;
}

Result<Process*> Processes::create(const ProgramImage& image, const Limits& limits) {
  QUIRE_TRY_ASSIGN(mm, load(image, limits));
  const auto process = make(image.name, *mm, 0);
  if (!process.has_value()) exit_mm(*mm, parts_.anon_vmas);
  return process;
}

Result<Process*> Processes::fork(Process& parent) {
  QUIRE_TRY_ASSIGN(mm, fork_mm(*parent.mm, parts_.anon_vmas));
  const auto process = make(parent.task.name(), *mm, parent.task.pid);
  if (!process.has_value()) {
    exit_mm(*mm, parts_.anon_vmas);
    return process;
  }
  if (const auto shared = (*process)->files.share(parent.files); !shared.has_value()) {
    exit(**process);
    return shared.error();
  }
  return process;
}

Result<void> Processes::exec(Process& process, const ProgramImage& image) {
  QUIRE_TRY_ASSIGN(mm, load(image, process.mm->limits));
  Mm& old = *process.mm;
  process.mm = mm;
  process.task.set_name(image.name);
  if (Arch::current()->task == &process.task) run(process);
  exit_mm(old, parts_.anon_vmas);
  process.files.close_on_exec();
  return {};
}

void Processes::exit(Process& process) {
  CpuContext& cpu = *Arch::current();
  if (cpu.task == &process.task) stop(cpu);
  exit_mm(*process.mm, parts_.anon_vmas);
  {
    const ExclusiveGuard guard(lock_);
    Process** place = &first_;
    while (*place != &process) place = &(*place)->next;
    *place = process.next;
    --count_;
  }
  process.~Process();
  parts_.processes.free(&process);
}

void Processes::run(Process& process) {
  Arch::current()->task = &process.task;
  parts_.mm.tlb.switch_mm(process.mm->tlb);
}

void Processes::stop(CpuContext& cpu) {
  cpu.task = &cpu.idle_task;
  parts_.mm.tlb.enter_lazy();
}

Process* Processes::find(std::uint32_t pid) {
  const SharedGuard guard(lock_);
  for (Process* process = first_; process != nullptr; process = process->next)
    if (process->task.pid == pid) return process;
  return nullptr;
}

}  // namespace quire
