#include "tools/oracle/packed_file.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace quire::oracle {
namespace {

// What a packed file may grow to; the recorder stops at 24 MiB.
constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

struct Close {
  void operator()(gzFile file) const { gzclose(file); }
};

}  // namespace

std::expected<std::string, std::string> read_packed(const std::filesystem::path& path) {
  const auto failed = [&](std::string_view why) {
    return std::unexpected(fmt::format("{}: {}", path.string(), why));
  };
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) return failed("is a directory, expected a log");
  const std::unique_ptr<gzFile_s, Close> file(gzopen(path.c_str(), "rb"));
  if (!file) return failed(errno != 0 ? std::strerror(errno) : "cannot be opened");
  std::string text;
  std::array<char, 65536> piece;
  for (;;) {
    const int got = gzread(file.get(), piece.data(), piece.size());
    int code = Z_OK;
    const char* const message = gzerror(file.get(), &code);
    if (got < 0 || (code != Z_OK && code != Z_STREAM_END))
      return failed(fmt::format("the packed text is cut or damaged ({})", message));
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
    if (text.size() > kMaxBytes) return failed("unpacks to more than 256 MiB");
  }
}

}  // namespace quire::oracle
