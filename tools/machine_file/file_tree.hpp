// Files by path, so that an importer reads a directory on disk or one in memory alike.
//
// Errors  What cannot be read, for whatever reason, is not there: a host keeps some files to root.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace quire::machine_file {

class FileTree {
 public:
  // `path` is relative: "proc/cmdline".
  [[nodiscard]] virtual std::optional<std::string> read(std::string_view path) const = 0;
  // The names in a directory, sorted; none when there is no such directory.
  [[nodiscard]] virtual std::vector<std::string> list(std::string_view path) const = 0;
  // What an error calls `path`.
  [[nodiscard]] virtual std::string name_of(std::string_view path) const = 0;

 protected:
  ~FileTree() = default;
};

class DiskTree final : public FileTree {
 public:
  explicit DiskTree(std::filesystem::path root) : root_(std::move(root)) {}
  [[nodiscard]] std::optional<std::string> read(std::string_view path) const override;
  [[nodiscard]] std::vector<std::string> list(std::string_view path) const override;
  [[nodiscard]] std::string name_of(std::string_view path) const override;

 private:
  std::filesystem::path root_;
};

// At most kMaxFileBytes of the file; the length that /proc and /sys tell is not believed.
std::optional<std::string> read_file(const std::filesystem::path& path);

inline constexpr std::size_t kMaxFileBytes = std::size_t{64} << 20;

}  // namespace quire::machine_file
