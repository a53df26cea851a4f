// What a 6.1 kernel's /proc/sys/vm holds when nobody has written to it.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tools/machine_file/file_tree.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {

// The settings of `files`' proc/sys/vm that differ from what the kernel would set on a machine
// with these managed pages. Settings that 6.1 does not have, that follow free memory, or that
// only trigger something are left out.
std::vector<Sysctl> changed_sysctl(const FileTree& files, std::span<const ManagedPages> managed);

}  // namespace quire::machine_file
