// `quire record -o T.qtr [--window N] -- PROGRAM ARGUMENTS...`: a trace of what a program does to
// its memory. The plugin, libquire_record.so, lies beside the tool or where it was installed.
//
// Errors  Said on stderr in one line. The exit status is the program's; 127 when there is none of
//         that name, 1 when there is no trace.
#pragma once

namespace CLI {
class App;
}

namespace quire::tools {

// Adds the command to `app`, which outlives the parse.
void add_record_command(CLI::App& app);

}  // namespace quire::tools
