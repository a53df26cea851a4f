#include "tools/quire/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>

#include "tools/trace/trace.hpp"

namespace quire::tools {
namespace {

constexpr auto kDistance = std::chrono::milliseconds(100);
constexpr std::uint64_t kLookNs = 20'000;  // of the machine's clock, between looks at the real one
constexpr unsigned kWidth = 30;

}  // namespace

Progress::~Progress() {
  if (drawn_) std::fputs("\r\033[K", stderr);
}

bool Progress::wanted() { return ::isatty(STDERR_FILENO) == 1; }

std::uint64_t Progress::sample(std::uint64_t now_ns) {
  if (const auto now = Clock::now(); now >= next_) {
    draw(now_ns);
    drawn_ = true;
    next_ = now + kDistance;
  }
  return now_ns + kLookNs;
}

void Progress::draw(std::uint64_t now_ns) const {
  std::uint64_t read = 0;
  for (const auto& trace : traces_) read += *trace;
  const std::uint64_t whole = traces_.size() * trace::TraceReader::kProgressWhole;
  std::string bar;
  if (whole != 0)
    bar = fmt::format("[{:<{}}] {:3} %  ", std::string(read * kWidth / whole, '#'), kWidth,
                      read * 100 / whole);
  const std::string line = fmt::format("\r\033[K{}{}.{:03} ms  {} faults", bar, now_ns / 1'000'000,
                                       now_ns / 1'000 % 1'000, engine_.fault_count());
  std::fputs(line.c_str(), stderr);
}

}  // namespace quire::tools
