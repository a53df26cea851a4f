// What a machine's tracepoints told, as lines of ftrace's text from each event's name on, and the
// same lines as Linux told them, compared. Each event goes on to `next`, if there is one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "page_alloc/page_alloc.hpp"
#include "tools/oracle/comparison.hpp"

namespace quire::oracle {

class Traced final : public TraceSink {
 public:
  explicit Traced(TraceSink* next) : next_(next) {}

  void event(const TraceEvent& event) override;
  // `linux`: a line an event.
  void compare_with(std::string_view linux, Comparison& comparison) const;

 private:
  TraceSink* const next_;
  std::vector<std::string> lines_;
};

}  // namespace quire::oracle
