// `quire oracle machine`: a capture's machine, booted here, held against what Linux said of it, at
// boot and after each of the capture's steps.
//
// Errors  An unreadable capture is a sentence; a machine that does not boot is a difference.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "tools/oracle/capture.hpp"
#include "tools/oracle/comparison.hpp"

namespace quire::oracle {

Comparison compare_capture(const Capture& capture);

// The same of a capture on disk.
std::expected<Comparison, std::string> check_capture(const std::filesystem::path& directory);

}  // namespace quire::oracle
