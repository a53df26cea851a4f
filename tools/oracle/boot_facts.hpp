// What machine.json says that Linux made of a machine, against what a booted machine made of it.
#pragma once

#include "tools/oracle/booted_machine.hpp"
#include "tools/oracle/capture.hpp"
#include "tools/oracle/comparison.hpp"

namespace quire::oracle {

void compare_boot_facts(const BootFacts& linux, BootedMachine& here, Comparison& comparison);

}  // namespace quire::oracle
