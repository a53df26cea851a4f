#include "tools/quire/beside_tool.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "tools/quire/fail.hpp"

namespace quire::tools {

namespace {

struct Places {
  std::string file;
  std::string installed;  // from the prefix
  std::string advice;
};

std::string find(const Places& places) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const auto& place : {folder, folder.parent_path() / places.installed}) {
    std::error_code ignored;
    if (std::filesystem::exists(place / places.file, ignored))
      return (place / places.file).string();
  }
  fail(fmt::format("no {} in {} or ../{}{}", places.file, folder.string(), places.installed,
                   places.advice));
}

}  // namespace

std::string beside_tool(const std::string& library) {
  return find({library, QUIRE_LIBRARY_DIR, ""});
}

std::string report_page() {
  return find({"report_page.html", QUIRE_DATA_DIR "/quire",
               ": the build makes it where there are npm and a registry to ask"});
}

}  // namespace quire::tools
