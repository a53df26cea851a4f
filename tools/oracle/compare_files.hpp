// One file of a capture against ours: the rows that never differ must be equal, the others there,
// all in Linux's order and laid out as Linux does.
//
// Each row that agrees counts as one field of the comparison.
#pragma once

#include <string_view>

#include "tools/oracle/comparison.hpp"

namespace quire::oracle {

struct FilePair {
  std::string_view name;  // within a capture: "zoneinfo", "node0_meminfo"
  std::string_view linux;
  std::string_view here;
};

void compare_files(const FilePair& files, Comparison& comparison);

}  // namespace quire::oracle
