// Threads on CPUs: attach, detach, and what the thread attached to last.
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "api/call.hpp"

namespace quire::api {
namespace {

// A machine that the thread is on; the claim is the pool's, one for each thread and machine.
struct Attached {
  quire_machine* machine;
  std::uint64_t serial;
  CpuClaim* claim;
};
thread_local std::vector<Attached> attached;
thread_local std::string last_error;

// A CPU that the thread keeps to itself, from quire_get_cpu to quire_put_cpu.
struct Held {
  std::uint64_t serial;
  std::unique_ptr<Call> call;
  CpuContext* cpu;
};
// Made when it is first asked for, after the claims that calls hold on to.
std::vector<Held>& held() {
  thread_local std::vector<Held> cpus;
  return cpus;
}

CpuContext* held_cpu(const quire_machine& machine) {
  for (const Held& one : held())
    if (one.serial == machine.serial) return one.cpu;
  return nullptr;
}

CpuClaim* claim_of(const quire_machine& machine) {
  for (auto at = attached.rbegin(); at != attached.rend(); ++at)
    if (at->serial == machine.serial) return at->claim;
  return nullptr;
}

// Whoever has the CPU next may be long in coming: pages do not wait there for their lists. On sim
// they do, as in Linux.
void empty_batches(quire_machine& machine) {
  Lru* const lru = machine.lists;
  if (!machine.native || lru == nullptr || claim_of(machine) == nullptr) return;
  const Call call(machine);
  lru->drain_here();
}

}  // namespace

void set_last_error(std::string_view text) { last_error = text; }

int fail(Errno error, std::string_view what) {
  last_error.assign(what).append(": ").append(name_of(error));
  return -static_cast<int>(error);
}

Call::Call(quire_machine& machine) {
  if (CpuContext* const cpu = held_cpu(machine); cpu != nullptr) {
    held_.emplace(*cpu);
    return;
  }
  if (machine.sim) {
    sim_ = std::unique_lock(machine.sim_lock);
    settled_.machine = &machine;
  }
  CpuClaim* claim = claim_of(machine);
  if (claim == nullptr) claim = &guest_.emplace(CpuClaim::share(*machine.pool));
  use_.emplace(*claim);
}

bool holds_cpu(const quire_machine& machine) { return held_cpu(machine) != nullptr; }

int cpu_of_thread(const quire_machine& machine) {
  if (const CpuContext* const cpu = held_cpu(machine); cpu != nullptr)
    return static_cast<int>(index_of(cpu->cpu));
  const CpuClaim* const claim = claim_of(machine);
  return static_cast<int>(index_of(claim == nullptr ? machine.last_cpu() : claim->cpu().cpu));
}

}  // namespace quire::api

using quire::api::attached;
using quire::api::fail;

extern "C" {

const char* quire_last_error(void) { return quire::api::last_error.c_str(); }

int quire_attach(quire_machine* machine, int cpu) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  const int last = static_cast<int>(index_of(machine->last_cpu()));
  if (cpu < QUIRE_ANY_CPU || cpu > last)
    return fail(quire::Errno::kInvalid, "the machine has no such CPU");
  quire::Result<void> done;
  if (cpu == QUIRE_ANY_CPU)
    done = quire::attach_thread(*machine->pool);
  else if (cpu == last)
    done = quire::attach_thread_sharing(*machine->pool);
  else
    done = quire::attach_thread(*machine->pool, quire::CpuId{static_cast<std::uint16_t>(cpu)});
  if (!done.has_value()) return fail(done.error(), "cannot attach to the CPU");
  attached.push_back({machine, machine->serial, quire::thread_claim(*machine->pool)});
  return 0;
}

int quire_detach(quire_machine* machine) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  const std::uint64_t serial = machine->serial;
  if (quire::api::held_cpu(*machine) != nullptr)
    return fail(quire::Errno::kBusy, "the thread has not put its CPU back");
  quire::api::empty_batches(*machine);
  const auto gone = std::erase_if(attached, [&](const auto& at) { return at.serial == serial; });
  if (gone == 0) return fail(quire::Errno::kInvalid, "the thread is not attached");
  quire::detach_thread(*machine->pool);
  return 0;
}

quire_machine* quire_current(void) {
  return attached.empty() ? nullptr : attached.back().machine;
}

int quire_get_cpu(quire_machine* machine) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  auto call = std::make_unique<quire::api::Call>(*machine);
  quire::CpuContext* const cpu = quire::Arch::current();
  quire::api::held().push_back({machine->serial, std::move(call), cpu});
  return static_cast<int>(index_of(cpu->cpu));
}

int quire_put_cpu(quire_machine* machine) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  auto& held = quire::api::held();
  if (held.empty() || held.back().serial != machine->serial)
    return fail(quire::Errno::kPermission, "not the CPU that the thread got last");
  held.pop_back();
  return 0;
}

}  // extern "C"
