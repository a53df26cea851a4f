// Libraries that the tool loads into programs.
#pragma once

#include <string>

namespace quire::tools {

// The path of `library`: beside the tool in a build, in the library directory of the prefix once
// installed. Ends the command where it is in neither.
[[nodiscard]] std::string beside_tool(const std::string& library);

}  // namespace quire::tools
