// A stranger who takes the hosts as they are: both give tables, side by side in one process.
#include <cstdio>

#include "hosts/native/native_host.hpp"
#include "hosts/sim/sim_host.hpp"

int main() {
  quire::SimHost sim;
  quire::NativeHost native;
  for (quire::Host* host : {static_cast<quire::Host*>(&sim), static_cast<quire::Host*>(&native)}) {
    if (!host->reserve_tables(quire::mib(1), quire::NodeId{0})) return 1;
  }
  std::printf("hosts: sim and native\n");
  return 0;
}
