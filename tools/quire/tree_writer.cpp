#include "tools/quire/tree_writer.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

namespace quire::tools {
namespace {

std::unexpected<std::string> failed(const std::filesystem::path& path, const char* why) {
  return std::unexpected(fmt::format("cannot write {}: {}", path.string(), why));
}

std::expected<void, std::string> write_file(const std::filesystem::path& path,
                                            const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  if (error) return failed(path.parent_path(), error.message().c_str());
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) return failed(path, std::strerror(errno));
  const bool wrote = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int write_error = errno;
  // A full disk may show only here.
  const bool closed = std::fclose(file) == 0;
  if (!wrote || !closed) return failed(path, std::strerror(wrote ? errno : write_error));
  return {};
}

}  // namespace

std::expected<void, std::string> write_tree(oracle::BootedMachine& machine,
                                            const std::filesystem::path& directory) {
  for (const auto& file : machine.files()) {
    std::string text;
    if ((file.mode & 0400) != 0) {
      Result<std::string> read = machine.read(file.path);
      if (!read.has_value())
        return std::unexpected(fmt::format("cannot read {}: {}", file.path,
                                           name_of(read.error())));
      text = std::move(*read);
    }
    if (auto written = write_file(directory / file.path, text); !written) return written;
  }
  return {};
}

}  // namespace quire::tools
