// The report: one HTML file with a run in it, to be opened from a disk. What it looks like is made
// in report/ and comes here as a page in which the run is missing.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace quire::report {

// `page` with the run that `json` tells in it, spelled so that no word of it can end the element
// that it lies in. Errors: what is wrong with the page.
std::expected<std::string, std::string> fill(std::string page, std::string_view json);

}  // namespace quire::report
