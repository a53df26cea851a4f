// Writes what a machine's tracepoints tell as ftrace's trace_pipe has it, a line an event.
//
// Errors  A file that cannot be opened or written ends the command (fail.hpp).
#pragma once

#include <fstream>
#include <ostream>
#include <string>

#include "page_alloc/page_alloc.hpp"

namespace quire::tools {

class TraceWriter final : public TraceSink {
 public:
  // "-" is standard output.
  explicit TraceWriter(const std::string& path);
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  // Called on the CPU where the event happens.
  void event(const TraceEvent& event) override;
  // All is written.
  void finish();

 private:
  const std::string path_;
  std::ofstream file_;
  std::ostream& out_;
};

}  // namespace quire::tools
