// A RunRecord as JSON. The same record gives the same bytes; docs/REPORT.md names the keys.
#pragma once

#include <string>

#include "engine/run_record.hpp"

namespace quire::run {

std::string to_json(const RunRecord& record);

}  // namespace quire::run
