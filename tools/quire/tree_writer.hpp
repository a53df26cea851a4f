// Writes a machine's /proc and /sys as files below a directory.
//
// Errors  What could not be written and why, as one sentence; what was written before stays.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "tools/oracle/booted_machine.hpp"

namespace quire::tools {

// Existing files are replaced, others left alone. Files that can only be written are left empty.
std::expected<void, std::string> write_tree(oracle::BootedMachine& machine,
                                            const std::filesystem::path& directory);

}  // namespace quire::tools
