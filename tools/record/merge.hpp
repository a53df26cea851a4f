// From the streams of a recording to one trace.
#pragma once

#include <expected>
#include <string>

#include "tools/trace/trace.hpp"

namespace quire::record {

// All records of the `streams` streams in `folder`, in the order of their sequences, as events.
// Errors: a stream that cannot be read, or makes no sense. The writer tells its own.
[[nodiscard]] std::expected<void, std::string> merge_streams(const std::string& folder,
                                                             std::uint32_t streams,
                                                             trace::TraceWriter& writer);

}  // namespace quire::record
