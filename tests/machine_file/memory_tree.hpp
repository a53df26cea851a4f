// Files in memory, for importers: a path and its text.
#pragma once

#include <algorithm>
#include <map>
#include <set>
#include <string>

#include "tools/machine_file/file_tree.hpp"

namespace quire::machine_file {

class MemoryTree final : public FileTree {
 public:
  using Files = std::map<std::string, std::string, std::less<>>;

  explicit MemoryTree(Files files) : files_(std::move(files)) {}

  [[nodiscard]] std::optional<std::string> read(std::string_view path) const override {
    const auto found = files_.find(path);
    if (found == files_.end()) return std::nullopt;
    return found->second;
  }

  [[nodiscard]] std::vector<std::string> list(std::string_view path) const override {
    const std::string prefix = std::string(path) + '/';
    std::set<std::string> names;
    for (const auto& [name, text] : files_) {
      if (!name.starts_with(prefix)) continue;
      const std::size_t end = std::min(name.find('/', prefix.size()), name.size());
      names.insert(name.substr(prefix.size(), end - prefix.size()));
    }
    return {names.begin(), names.end()};
  }

  [[nodiscard]] std::string name_of(std::string_view path) const override {
    return std::string(path);
  }

 private:
  Files files_;
};

}  // namespace quire::machine_file
