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

// Beside them, the files of a word a page: kpagecount, kpageflags, each process's pagemap. What is
// zero is a hole; kpageflags, where free pages are told too, takes 2 MiB for each GiB of RAM.
std::expected<void, std::string> write_page_files(oracle::BootedMachine& machine,
                                                  const std::filesystem::path& directory);

}  // namespace quire::tools
