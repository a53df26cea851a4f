#include "tools/quire/tree_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>
#include <vector>

namespace quire::tools {
namespace {

constexpr std::size_t kWordsAtOnce = 1 << 16;
constexpr std::uint64_t kToTheEnd = ~std::uint64_t{0};

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

// A part of a file of words.
struct Words {
  std::uint64_t first;
  std::uint64_t end;
};

// What is zero takes no room on the disk.
std::expected<void, std::string> write_words(oracle::BootedMachine& machine,
                                             const std::filesystem::path& directory,
                                             const std::string& path,
                                             const std::vector<Words>& parts) {
  std::ofstream file(directory / path, std::ios::binary);
  std::vector<std::uint64_t> words(kWordsAtOnce);
  std::uint64_t end = 0;
  for (const Words& part : parts) {
    for (std::uint64_t at = part.first; at < part.end;) {
      const std::size_t wanted = std::min<std::uint64_t>(part.end - at, words.size());
      const Result<std::size_t> read = machine.read_words(path, at, std::span(words).first(wanted));
      const std::size_t there = read.has_value() ? *read : 0;
      if (there == 0) break;
      const bool empty = std::all_of(words.begin(), words.begin() + static_cast<long>(there),
                                     [](std::uint64_t word) { return word == 0; });
      if (!empty) {
        file.seekp(static_cast<std::streamoff>(at * sizeof(std::uint64_t)));
        file.write(reinterpret_cast<const char*>(words.data()),
                   static_cast<std::streamsize>(there * sizeof(std::uint64_t)));
      }
      at += there;
      end = at;
    }
  }
  file.close();
  if (!file) return failed(directory / path, std::strerror(errno));
  std::error_code error;
  std::filesystem::resize_file(directory / path, end * sizeof(std::uint64_t), error);
  if (error) return failed(directory / path, error.message().c_str());
  return {};
}

// The pages that a text of /proc/PID/maps says are mapped.
std::vector<Words> mapped_pages(const std::string& maps) {
  std::vector<Words> parts;
  std::istringstream lines(maps);
  for (std::string line; std::getline(lines, line);) {
    std::uint64_t start = 0, end = 0;
    if (std::sscanf(line.c_str(), "%" SCNx64 "-%" SCNx64, &start, &end) == 2)
      parts.push_back({start >> kPageShift, end >> kPageShift});
  }
  return parts;
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

std::expected<void, std::string> write_page_files(oracle::BootedMachine& machine,
                                                  const std::filesystem::path& directory) {
  for (const auto& file : machine.files()) {
    if (!file.path.ends_with("/maps")) continue;
    const std::string maps = machine.read(file.path).value_or("");
    const std::string pagemap = file.path.substr(0, file.path.size() - 4) + "pagemap";
    if (auto written = write_words(machine, directory, pagemap, mapped_pages(maps)); !written)
      return written;
  }
  for (const char* path : {"proc/kpagecount", "proc/kpageflags"})
    if (auto written = write_words(machine, directory, path, {{0, kToTheEnd}}); !written)
      return written;
  return {};
}

}  // namespace quire::tools
