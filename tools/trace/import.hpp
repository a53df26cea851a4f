// Traces of other tools, read as if they had been recorded: one process with one thread, in which
// each page that is touched lies in an anonymous mapping of 2 MiB, made before its first touch.
// docs/TRACE.md tells the formats.
#pragma once

#include <optional>
#include <string_view>

#include "tools/trace/byte_source.hpp"
#include "tools/trace/trace.hpp"

namespace quire::trace {

enum class ImportFormat { kLackey, kCsv, kOracleGeneral, kChampSim };

// The format that a file's name speaks of, before .gz or .zst; none: that of a .qtr.
[[nodiscard]] std::optional<ImportFormat> format_of_name(std::string_view path);

[[nodiscard]] OpenedTrace open_import(ByteSource source, ImportFormat format);

}  // namespace quire::trace
