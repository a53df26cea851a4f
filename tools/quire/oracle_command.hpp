// `quire oracle machine DIR` and `quire oracle buddy LOG.gz`: Quire held against what Linux was
// recorded to answer.
//
// Errors  Exit status 0: all agrees. 1: differences, the first of them printed. 2: the recording
//         cannot be read, for the reason on stderr.
#pragma once

namespace CLI {
class App;
}

namespace quire::tools {

// Adds the command to `app`, which outlives the parse.
void add_oracle_command(CLI::App& app);

}  // namespace quire::tools
