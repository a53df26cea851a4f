// `quire boot MACHINE.toml [--proc DIR] [--set vm.x=y]... [--seed S] [--quiet]`: boots a machine,
// prints its boot log, zoneinfo and buddyinfo, and writes its whole /proc and /sys tree.
//
// Errors  Said on stderr in one line; the program's exit status is then 1.
#pragma once

namespace CLI {
class App;
}

namespace quire::tools {

// Adds the command to `app`, which outlives the parse.
void add_boot_command(CLI::App& app);

}  // namespace quire::tools
