// The parts of reading a machine file: where memory, nodes and CPUs are, what CPUs are, and what
// runs there.
//
// Errors  Left in the Problems that the root table reports to; the machine is then incomplete.
#pragma once

#include "tools/machine_file/toml_table.hpp"

namespace quire::machine_file {

// ram, cpus, distances, [[firmware]], [[node]], [[affinity]].
void read_memory(const TomlTable& root, MachineFile& machine);
// [cpu], [tlb].
void read_cpu(const TomlTable& root, MachineFile& machine);
// [kernel], [sysctl], [[managed]], [[swap]], [[disk]]; after read_memory.
void read_software(const TomlTable& root, MachineFile& machine);

}  // namespace quire::machine_file
