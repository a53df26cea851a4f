// Any bytes as a trace. What they have to pass to be looked at, checksums apart, is in the corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/trace/import.hpp"
#include "tools/trace/qtr_format.hpp"
#include "tools/trace/trace.hpp"

namespace {

using namespace quire::trace;

// To its end or its error.
std::uint64_t read_all(const OpenedTrace& reader) {
  if (!reader) {
    if (reader.error().what.empty()) std::abort();
    return 0;
  }
  for (std::uint64_t events = 0;; ++events) {
    const auto next = (*reader)->next();
    if (!next && next.error().what.empty()) std::abort();
    if (!next || *next == nullptr) return events;
  }
}

// As a file, most of which its checksums refuse.
void read_file(const std::string& bytes) {
  const auto reader = open_qtr_bytes(bytes, "fuzz");
  if (read_all(reader) > (reader ? (*reader)->header().events : 0)) std::abort();
}

// As a file of another tool.
void read_imports(const std::string& bytes) {
  for (const auto format : {ImportFormat::kLackey, ImportFormat::kCsv,
                            ImportFormat::kOracleGeneral, ImportFormat::kChampSim})
    read_all(open_import(ByteSource(bytes, "fuzz"), format));
}

// As what is within a block: what was understood is written and read again.
void read_events(std::string_view bytes) {
  qtr::Context reading, writing, again;
  std::string written;
  Event event, copy;
  while (!bytes.empty() && qtr::decode(bytes, reading, event)) {
    written.clear();
    qtr::encode(written, writing, event);
    std::string_view left = written;
    if (!qtr::decode(left, again, copy) || !left.empty()) std::abort();
    const auto* access = std::get_if<Access>(&event.what);
    if (access != nullptr && access->pages == 1)
      std::get<Access>(event.what).stride = std::get<Access>(copy.what).stride;
    if (!(copy == event)) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  read_events(bytes);
  read_file(std::string(bytes));
  read_imports(std::string(bytes));
  return 0;
}
