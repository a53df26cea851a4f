// A RunRecord in words, for a terminal.
#pragma once

#include <string>

#include "engine/run_record.hpp"

namespace quire::run {

std::string summary_of(const RunRecord& record);

}  // namespace quire::run
