// Around every C function that is about a process: it is found, nobody ends it meanwhile, and the
// caller's CPU runs it.
#pragma once

#include "api/call.hpp"

namespace quire::api {

// The calling CPU runs the process for its scope.
class Running {
 public:
  Running(Processes& processes, Process& process) : processes_(processes) {
    processes.run(process);
  }
  ~Running() { processes_.stop(*Arch::current()); }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;

 private:
  Processes& processes_;
};

inline Process* find_process(const quire_machine& machine, std::int64_t pid) {
  if (machine.process_floor == nullptr || pid <= 0 || pid > std::int64_t{~std::uint32_t{0}})
    return nullptr;
  return machine.process_floor->processes().find(static_cast<std::uint32_t>(pid));
}

inline std::int64_t number_of(const Result<void>&) { return 0; }
inline std::int64_t number_of(const Result<VirtAddr>& at) {
  return static_cast<std::int64_t>(at->raw());
}
inline std::int64_t number_of(const Result<Process*>& process) { return (*process)->task.pid; }
inline std::int64_t number_of(const Result<PageCount>& pages) {
  return static_cast<std::int64_t>(pages->raw());
}
inline std::int64_t number_of(const Result<Bytes>& bytes) {
  return static_cast<std::int64_t>(bytes->raw());
}
inline std::int64_t number_of(const Result<int>& number) { return *number; }
inline std::int64_t number_of(const Result<Seals>& seals) {
  return static_cast<std::int64_t>(*seals);
}

template <class T>
std::int64_t answer(const Result<T>& result, const char* what) {
  return result.has_value() ? number_of(result) : fail(result.error(), what);
}

// Of which process, and how the call is named in errors.
struct Who {
  quire_machine* machine;
  std::int64_t pid;
  const char* what;
};

// work(floor, process) as the process on the caller's CPU.
template <class Work>
std::int64_t as_process(const Who& who, Work work) {
  if (who.machine == nullptr) return fail(Errno::kInvalid, "no machine");
  const Call call(*who.machine);
  const std::shared_lock processes(who.machine->processes_lock);
  Process* const process = find_process(*who.machine, who.pid);
  if (process == nullptr) return fail(Errno::kNoEntry, "no such process");
  ProcessFloor& floor = *who.machine->process_floor;
  const Running running(floor.processes(), *process);
  return answer(work(floor, *process), who.what);
}

}  // namespace quire::api
