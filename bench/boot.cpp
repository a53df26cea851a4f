// boot.*: a machine file booted on the sim host. CPU time and peak resident memory of this whole
// process: reading the file, booting and every page touched by either.
#include <sys/resource.h>

#include <cstdio>

#include "bench/support/clock.hpp"
#include "hosts/sim/sim_host.hpp"
#include "machine/machine.hpp"
#include "tools/machine_file/machine_file.hpp"

int main(int argc, char** argv) {
  using namespace quire;
  if (argc != 2) {
    std::fprintf(stderr, "usage: bench_boot MACHINE.toml\n");
    return 2;
  }
  const auto file = machine_file::read(argv[1]);
  if (!file) {
    std::fprintf(stderr, "%s\n", file.error().text().c_str());
    return 1;
  }
  SimHost host;
  Machine machine(host);
  if (!machine.boot(file->spec())) {
    std::fprintf(stderr, "%s: does not boot\n", argv[1]);
    return 1;
  }
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("{\"seconds\": %.4f, \"rss_mib\": %.2f}\n",
              bench::seconds(CLOCK_PROCESS_CPUTIME_ID),
              static_cast<double>(usage.ru_maxrss) / 1024);
}
