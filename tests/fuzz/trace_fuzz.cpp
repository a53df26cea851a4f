// Any bytes as a trace. What they have to pass to be looked at, checksums apart, is in the corpus.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tools/trace/qtr_format.hpp"
#include "tools/trace/trace.hpp"

namespace {

using namespace quire::trace;

// As a file, most of which its checksums refuse.
void read_file(std::string bytes) {
  auto reader = open_qtr_bytes(std::move(bytes), "fuzz");
  if (!reader) {
    if (reader.error().what.empty()) std::abort();
    return;
  }
  std::uint64_t events = 0;
  for (;;) {
    const auto next = (*reader)->next();
    if (!next && next.error().what.empty()) std::abort();
    if (!next || *next == nullptr) break;
    if (++events > (*reader)->header().events) std::abort();
  }
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
  return 0;
}
