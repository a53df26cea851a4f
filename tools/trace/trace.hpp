// Traces: reading them one event after the other, in the order in which things happened, and
// writing them.
//
// Ownership  A reader owns its file. The event that next() gives is the reader's, until the next
//            call.
// Errors     What is wrong with a file is a TraceError; the reader stays at its end then.
//            Nothing that a file holds makes a reader crash, or that of a .qtr take more than
//            64 MiB. Of another tool's, a reader knows each 2 MiB and each object touched.
// Cost       Memory: one block (at most 1 MiB when made by a TraceWriter), not the trace.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include "tools/trace/event.hpp"

namespace quire::trace {

inline constexpr std::uint32_t kVersion = 1;

struct TraceError {
  std::string path;
  std::uint64_t offset = 0;  // bytes; in text, the line
  std::string what;
  [[nodiscard]] std::string text() const;  // "path: at byte 17: what"
  bool is_text = false;
};

// What is known before the first event. Totals are 0 where a format does not tell them.
struct Header {
  std::string command;  // as a shell would take it
  std::string source;   // what recorded it
  std::uint64_t events = 0;
  std::uint64_t accesses = 0;  // the sum of pages * times
  std::uint32_t processes = 0;
  std::uint32_t threads = 0;
  std::uint32_t files = 0;
};

class TraceReader {
 public:
  virtual ~TraceReader() = default;
  [[nodiscard]] virtual const Header& header() const = 0;
  // The next event; null behind the last.
  [[nodiscard]] virtual std::expected<const Event*, TraceError> next() = 0;
  // Event number `event` (from 0) is the next one; a format without an index is an error.
  [[nodiscard]] virtual std::expected<void, TraceError> seek(std::uint64_t event) = 0;
  // How much of the file is read, of kProgressWhole.
  [[nodiscard]] virtual unsigned progress() const = 0;
  static constexpr unsigned kProgressWhole = 1000;
};

using OpenedTrace = std::expected<std::unique_ptr<TraceReader>, TraceError>;

// A .qtr file, or what another tool wrote, by its name (docs/TRACE.md lists them).
[[nodiscard]] OpenedTrace open_trace(const std::string& path);
// A .qtr file that lies in memory; `name` is for errors.
[[nodiscard]] OpenedTrace open_qtr_bytes(std::string bytes, std::string name);

// Writes a .qtr file. Runs of accesses are put together.
//
// Errors  append() remembers the first; finish() tells it, and without finish() the file is not
//         whole, which readers see.
class TraceWriter {
 public:
  // Makes the file anew.
  TraceWriter(const std::string& path, Header header);
  ~TraceWriter();
  TraceWriter(const TraceWriter&) = delete;
  TraceWriter& operator=(const TraceWriter&) = delete;

  void append(const Event& event);
  [[nodiscard]] bool failed() const;
  // Counts what the header has to say, writes the index and closes the file.
  [[nodiscard]] std::expected<Header, TraceError> finish();

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace quire::trace
