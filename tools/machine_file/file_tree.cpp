#include "tools/machine_file/file_tree.hpp"

#include <algorithm>
#include <array>
#include <fstream>

namespace quire::machine_file {

std::optional<std::string> read_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (error || std::filesystem::is_directory(status)) return std::nullopt;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) return std::nullopt;
  std::string text;
  std::array<char, 65536> piece;
  while (text.size() < kMaxFileBytes) {
    stream.read(piece.data(), static_cast<std::streamsize>(piece.size()));
    text.append(piece.data(), static_cast<std::size_t>(stream.gcount()));
    if (stream.eof()) return text;
    if (stream.fail()) return std::nullopt;
  }
  return text;
}

std::optional<std::string> DiskTree::read(std::string_view path) const {
  return read_file(root_ / path);
}

std::vector<std::string> DiskTree::list(std::string_view path) const {
  std::vector<std::string> names;
  std::error_code error;
  std::filesystem::directory_iterator entry(root_ / path, error);
  while (!error && entry != std::filesystem::directory_iterator{}) {
    names.push_back(entry->path().filename().string());
    entry.increment(error);
  }
  std::ranges::sort(names);
  return names;
}

std::string DiskTree::name_of(std::string_view path) const { return (root_ / path).string(); }

}  // namespace quire::machine_file
