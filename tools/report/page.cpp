#include "tools/report/page.hpp"

namespace quire::report {
namespace {

constexpr std::string_view kPlace = "\"QUIRE_RUN\"";

}  // namespace

std::expected<std::string, std::string> fill(std::string page, std::string_view json) {
  const std::size_t at = page.find(kPlace);
  if (at == std::string::npos) return std::unexpected("the page has no place for a run");
  if (page.find(kPlace, at + 1) != std::string::npos)
    return std::unexpected("the page has more than one place for a run");
  // In JSON a '<' only stands in strings, where it may be spelled by its number.
  std::string safe;
  safe.reserve(json.size());
  for (const char letter : json)
    if (letter == '<')
      safe += "\\u003c";
    else
      safe += letter;
  return page.replace(at, kPlace.size(), safe);
}

}  // namespace quire::report
