#include "hosts/common/reports.hpp"

#include <cstdio>
#include <cstdlib>

namespace quire {

std::string describe_refusal(std::string_view what, Bytes size, NodeId node) {
  std::string line = "host: cannot map " + std::to_string(size.raw() >> 10) + " KiB for the ";
  line += what;
  if (node != kNoNode) line += " of node " + std::to_string(index_of(node));
  return line + ": no memory";
}

void stop_process(std::string_view report, const TextCallback& on_panic) {
  if (on_panic) on_panic(report);
  std::fprintf(stderr, "%.*s\n", static_cast<int>(report.size()), report.data());
  std::abort();
}

}  // namespace quire
