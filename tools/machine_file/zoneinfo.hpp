// What an importer takes from /proc/zoneinfo: managed pages, and where each node begins.
//
// Errors  Rows that are unknown, or known but not numbers, are passed over.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {

// The zones that have managed pages.
std::vector<ManagedPages> managed_pages_of(std::string_view zoneinfo);

struct NodeStart {
  NodeId node{};
  Pfn start;  // of its lowest zone that has pages
};
std::vector<NodeStart> node_starts_of(std::string_view zoneinfo);

}  // namespace quire::machine_file
