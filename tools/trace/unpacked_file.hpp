// The bytes of a file one after the other, unpacked where it is packed with gzip or zstd.
//
// Errors  A damaged or truncated file ends early, and error() says how.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <vector>

#include "tools/trace/byte_source.hpp"

struct ZSTD_DCtx_s;
struct z_stream_s;

namespace quire::trace {

class UnpackedFile {
 public:
  explicit UnpackedFile(ByteSource source);
  ~UnpackedFile();
  UnpackedFile(const UnpackedFile&) = delete;
  UnpackedFile& operator=(const UnpackedFile&) = delete;

  [[nodiscard]] const std::string& name() const { return source_.name(); }
  // `size` bytes, or as many as there are left.
  [[nodiscard]] std::size_t read(char* to, std::size_t size);
  // A line without its end; none behind the last. A longer one than 64 KiB is an error.
  [[nodiscard]] std::optional<std::string> line();
  [[nodiscard]] const std::optional<std::string>& error() const { return error_; }
  // Of the packed file.
  [[nodiscard]] std::uint64_t offset() const { return packed_at_; }
  [[nodiscard]] std::uint64_t size() const { return source_.size(); }

 private:
  enum class Packing { kNone, kGzip, kZstd };
  bool refill();
  bool unpack_gzip();
  bool unpack_zstd();
  bool more_packed();

  ByteSource source_;
  Packing packing_ = Packing::kNone;
  z_stream_s* gzip_ = nullptr;
  ZSTD_DCtx_s* zstd_ = nullptr;
  bool frame_open_ = false;  // the packed stream has not ended
  std::uint64_t packed_at_ = 0;
  std::vector<char> packed_;
  std::size_t packed_used_ = 0;
  std::vector<char> bytes_;
  std::size_t used_ = 0;
  std::optional<std::string> error_;
};

}  // namespace quire::trace
