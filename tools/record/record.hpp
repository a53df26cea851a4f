// Runs a program under qemu-user with the recorder's plugin and makes a trace of it.
//
// Errors  A text for the user, and the exit status that goes with it: 127 when there is no such
//         program, 1 for all else. The trace is not there then.
// Signals Ctrl-C goes to the program; while it ends, the recording is put together. Children that
//         outlive the program are waited for, until Ctrl-C.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "tools/trace/trace.hpp"

namespace quire::record {

struct RecordOptions {
  std::string output;
  std::string plugin;  // the library's path
  std::uint64_t window = 0;  // touches of a page that end a window; 0: the plugin's own number
  std::vector<std::string> program;
};

struct Recorded {
  trace::Header header;
  int status = 0;  // as a shell has it: 128 and the signal when one ended the program
  bool interrupted = false;
};

struct RecordError {
  std::string what;
  int status = 1;
};

[[nodiscard]] std::expected<Recorded, RecordError> record_program(const RecordOptions& options);

}  // namespace quire::record
