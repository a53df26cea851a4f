#include "bench/support/bench_machine.hpp"

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tools/machine_file/machine_file.hpp"

namespace quire::bench {

BenchMachine::BenchMachine(unsigned cpus) {
  const std::string text = "name = \"bench\"\nram = \"16G\"\ncpus = " + std::to_string(cpus) +
                           "\n[kernel]\ninit_on_alloc = false\n";
  const auto file = machine_file::read_text(text, "bench");
  if (!file || !machine_.boot(file->spec())) {
    std::fprintf(stderr, "bench: %s\n", file ? "does not boot" : file.error().text().c_str());
    std::exit(1);
  }
  on_cpu_.emplace(machine_.cpus()[0]);
}

}  // namespace quire::bench
