// Around every C function that enters a machine: errors as C has them, and a CPU to run on.
#pragma once

#include <cerrno>
#include <optional>
#include <string_view>

#include "api/machine_object.hpp"

namespace quire::api {

// Keeps the text for quire_last_error() and gives the errno as C does.
int fail(Errno error, std::string_view what);
void set_last_error(std::string_view text);

// Runs its scope on the calling thread's CPU of the machine, or as a guest on the last CPU.
class Call {
 public:
  explicit Call(quire_machine& machine);

 private:
  // Lets what the call has left to a simulated machine's own tasks be done.
  struct Settled {
    ~Settled() {
      if (machine != nullptr && machine->sim_flusher && machine->sim_flusher->is_woken())
        machine->sim->run_until_idle();
    }
    quire_machine* machine = nullptr;
  };

  std::optional<OnCpu> held_;  // the thread has the CPU already: quire_get_cpu
  std::unique_lock<std::mutex> sim_;
  Settled settled_;  // when the CPU has been left
  std::optional<CpuClaim> guest_;
  std::optional<CpuUse> use_;
};

// The thread keeps a CPU of the machine to itself (quire_get_cpu).
bool holds_cpu(const quire_machine& machine);
// The CPU that calls of the thread run on.
int cpu_of_thread(const quire_machine& machine);

inline Page* core(quire_page* page) { return reinterpret_cast<Page*>(page); }
inline quire_page* to_c(Page* page) { return reinterpret_cast<quire_page*>(page); }

}  // namespace quire::api
