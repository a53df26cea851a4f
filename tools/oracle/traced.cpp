#include "tools/oracle/traced.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace quire::oracle {
namespace {

class LineSink final : public TextSink {
 public:
  void write(std::string_view piece) override { line += piece; }
  std::string line;
};

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  for (const auto line : std::views::split(text, '\n'))
    if (!line.empty()) lines.emplace_back(line.begin(), line.end());
  return lines;
}

}  // namespace

void Traced::event(const TraceEvent& event) {
  LineSink sink;
  {
    Text text(sink);
    print(text, event);
  }
  lines_.push_back(std::move(sink.line));
  if (next_ != nullptr) next_->event(event);
}

void Traced::compare_with(std::string_view linux, Comparison& comparison) const {
  const std::vector<std::string> wanted = lines_of(linux);
  for (std::size_t i = 0; i < std::max(wanted.size(), lines_.size()); ++i)
    comparison.compare(fmt::format("event {}", i + 1), i < wanted.size() ? wanted[i] : "none",
                       i < lines_.size() ? lines_[i] : "none");
}

}  // namespace quire::oracle
