// The machine that figures are measured on: 16 GiB, one node, on the native host, with
// init_on_alloc off, as in the column of Linux's figures that goals are held against.
//
// Ownership  Owns its host and its machine. The thread that made it is on CPU 0 until it goes.
// Errors     A machine that does not boot ends the program.
#pragma once

#include <cstddef>
#include <optional>

#include "hosts/native/native_host.hpp"
#include "machine/machine.hpp"

namespace quire::bench {

class BenchMachine {
 public:
  explicit BenchMachine(unsigned cpus = 1);

  [[nodiscard]] Machine& machine() { return machine_; }
  [[nodiscard]] PageAllocator& pages() { return machine_.pages(); }

 private:
  NativeHost host_{NativeOptions{}};
  Machine machine_{host_};
  std::optional<OnCpu> on_cpu_;
};

}  // namespace quire::bench
