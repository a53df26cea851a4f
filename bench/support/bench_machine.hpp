// The machine that figures are measured on: 16 GiB, one node, with init_on_alloc off, as in the
// column of Linux's figures that goals are held against.
//
// Ownership  Owns its host and its machine. The thread that made it is on CPU 0 until it goes.
// Errors     A machine that does not boot ends the program.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "hosts/native/native_host.hpp"
#include "hosts/sim/sim_host.hpp"
#include "machine/machine.hpp"

namespace quire::bench {

// `more` is of a machine file: CPUs, or [tlb].
void boot_for_bench(Machine& machine, const std::string& more);

class BenchMachine {
 public:
  explicit BenchMachine(unsigned cpus = 1) {
    boot_for_bench(machine_, "cpus = " + std::to_string(cpus) + "\n");
    on_cpu_.emplace(machine_.cpus()[0]);
  }

  [[nodiscard]] Machine& machine() { return machine_; }
  [[nodiscard]] PageAllocator& pages() { return machine_.pages(); }

 private:
  NativeHost host_{NativeOptions{}};
  Machine machine_{host_};
  std::optional<OnCpu> on_cpu_;
};

// The same with one CPU on the sim host, as `quire run` has it: translation caches are modelled.
class SimBenchMachine {
 public:
  SimBenchMachine() {
    boot_for_bench(machine_, "cpus = 1\n[tlb]\n");
    on_cpu_.emplace(machine_.cpus()[0]);
  }

  [[nodiscard]] Machine& machine() { return machine_; }

 private:
  SimHost host_;
  Machine machine_{host_};
  std::optional<OnCpu> on_cpu_;
};

}  // namespace quire::bench
