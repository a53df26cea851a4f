#include "bench/support/bench_machine.hpp"

#include <cstdio>
#include <cstdlib>

#include "tools/machine_file/machine_file.hpp"

namespace quire::bench {

void boot_for_bench(Machine& machine, const std::string& more) {
  const std::string text =
      "name = \"bench\"\nram = \"16G\"\n" + more + "[kernel]\ninit_on_alloc = false\n";
  const auto file = machine_file::read_text(text, "bench");
  if (!file || !machine.boot(file->spec())) {
    std::fprintf(stderr, "bench: %s\n", file ? "does not boot" : file.error().text().c_str());
    std::exit(1);
  }
}

}  // namespace quire::bench
