// A RunRecord as an SQLite file, for questions that no plot answers. docs/REPORT.md has the tables.
#pragma once

#include <expected>
#include <string>

#include "engine/run_record.hpp"

namespace quire::report {

// Puts a new file in the place of what is at `path`. Errors: what SQLite says; there is no file
// then.
std::expected<void, std::string> write_database(const RunRecord& record, const std::string& path);

}  // namespace quire::report
