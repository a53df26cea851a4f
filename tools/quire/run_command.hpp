// `quire run MACHINE.toml WORKLOAD...`: boots a machine, runs workloads and traces on it, and says
// how it went. `quire page PFN MACHINE.toml WORKLOAD... --until WHEN` does the same and shows one
// page.
//
// Errors  Said on stderr in one line; the program's exit status is then 1.
#pragma once

namespace CLI {
class App;
}

namespace quire::tools {

// Adds the commands to `app`, which outlives the parse.
void add_run_command(CLI::App& app);

}  // namespace quire::tools
