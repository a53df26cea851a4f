// Synthetic workloads in TOML: a [[workload]] for each program. docs/CLI.md has the keys.
//
// Errors  As those of machine files: file, line, key, and what was expected.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "engine/synthetic.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire::run {

machine_file::Parsed<std::vector<SyntheticSpec>> read_workloads(const std::filesystem::path& path);
machine_file::Parsed<std::vector<SyntheticSpec>> read_workload_text(std::string_view text,
                                                                    std::string_view file);

}  // namespace quire::run
