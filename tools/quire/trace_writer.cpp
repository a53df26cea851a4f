#include "tools/quire/trace_writer.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "tools/quire/fail.hpp"

namespace quire::tools {
namespace {

class StreamSink final : public TextSink {
 public:
  explicit StreamSink(std::ostream& out) : out_(out) {}
  void write(std::string_view piece) override { out_ << piece; }

 private:
  std::ostream& out_;
};

}  // namespace

TraceWriter::TraceWriter(const std::string& path)
    : path_(path), out_(path == "-" ? std::cout : file_) {
  if (path_ == "-") return;
  errno = 0;
  file_.open(path_, std::ios::binary);
  if (!file_) fail(fmt::format("cannot write {}: {}", path_, std::strerror(errno)));
}

void TraceWriter::event(const TraceEvent& event) {
  StreamSink sink(out_);
  Text text(sink);
  print_trace_prefix(text, *Arch::current());
  print(text, event);
  text.nl();
}

void TraceWriter::finish() {
  out_.flush();
  if (!out_) fail(fmt::format("cannot write {}: the trace is not whole", path_));
}

}  // namespace quire::tools
