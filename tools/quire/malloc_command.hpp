// `quire malloc [--limit SIZE] [--stats] [--stats-file FILE] -- PROGRAM ARGUMENTS...`: runs a
// program on libquire_malloc.so, which lies beside the tool or where it was installed.
//
// Errors  Said on stderr in one line. The exit status is the program's; 127 when there is none of
//         that name, 1 when the library is missing.
#pragma once

namespace CLI {
class App;
}

namespace quire::tools {

// Adds the command to `app`, which outlives the parse.
void add_malloc_command(CLI::App& app);

}  // namespace quire::tools
