// Which reader a file wants.
#include "tools/trace/import.hpp"
#include "tools/trace/qtr_reader.hpp"
#include "tools/trace/trace.hpp"

namespace quire::trace {

std::string TraceError::text() const {
  if (offset == 0 && !is_text) return path + ": " + what;
  return path + (is_text ? ": line " : ": at byte ") + std::to_string(offset) + ": " + what;
}

OpenedTrace open_qtr_bytes(std::string bytes, std::string name) {
  return QtrReader::open(ByteSource(std::move(bytes), std::move(name)));
}

OpenedTrace open_trace(const std::string& path) {
  auto source = ByteSource::open(path);
  if (!source) return std::unexpected(source.error());
  if (const auto format = format_of_name(path)) return open_import(std::move(*source), *format);
  return QtrReader::open(std::move(*source));
}

}  // namespace quire::trace
