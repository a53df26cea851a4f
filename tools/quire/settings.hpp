// Tunables given on the command line: --set NAME=VALUE.
#pragma once

#include <string>

#include "tools/oracle/booted_machine.hpp"

namespace quire::tools {

// Fails with what is wrong with the setting, or with Linux's errno.
void apply_setting(oracle::BootedMachine& machine, const std::string& setting);

inline constexpr const char* kSettingHelp =
    "write a tunable once booted: NAME=VALUE, such as vm.min_free_kbytes=65536, or a file's path "
    "instead of NAME; in order, as often as wanted";

}  // namespace quire::tools
