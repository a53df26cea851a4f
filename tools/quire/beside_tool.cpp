#include "tools/quire/beside_tool.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "tools/quire/fail.hpp"

namespace quire::tools {

std::string beside_tool(const std::string& library) {
  const auto folder = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const auto& place : {folder, folder.parent_path() / QUIRE_LIBRARY_DIR}) {
    std::error_code ignored;
    if (std::filesystem::exists(place / library, ignored)) return (place / library).string();
  }
  fail(fmt::format("no {} beside {} or in ../{}", library, folder.string(), QUIRE_LIBRARY_DIR));
}

}  // namespace quire::tools
