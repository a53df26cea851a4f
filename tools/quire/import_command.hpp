// `quire import [PATH] [-o M.toml]`: a machine file from a host, a capture or a boot log.
//
// Errors  Said on stderr in one line; the program's exit status is then 1 (CLI::RuntimeError
//         leaves the parse, as CLI11 wants it).
#pragma once

namespace CLI {
class App;
}

namespace quire::tools {

// Adds the command to `app`, which outlives the parse.
void add_import_command(CLI::App& app);

}  // namespace quire::tools
