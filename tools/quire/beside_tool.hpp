// Files that come with the tool: libraries that it loads into programs, the page of the report.
#pragma once

#include <string>

namespace quire::tools {

// The path of `library`: beside the tool in a build, in the library directory of the prefix once
// installed. Ends the command where it is in neither.
[[nodiscard]] std::string beside_tool(const std::string& library);

// The same of the report's page, which is among the prefix's data once installed.
[[nodiscard]] std::string report_page();

}  // namespace quire::tools
