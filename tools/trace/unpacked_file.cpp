#include "tools/trace/unpacked_file.hpp"

#include <zlib.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace quire::trace {
namespace {

constexpr std::size_t kPiece = 256 << 10;
constexpr std::size_t kMostLine = 64 << 10;
constexpr int kGzipWindow = 15 + 16;  // zlib: the largest, with gzip's head

}  // namespace

UnpackedFile::UnpackedFile(ByteSource source) : source_(std::move(source)) {
  std::array<unsigned char, 4> head{};
  (void)source_.read_struct(0, head);
  if (head[0] == 0x1f && head[1] == 0x8b) {
    packing_ = Packing::kGzip;
    gzip_ = new z_stream_s{};
    inflateInit2(gzip_, kGzipWindow);
  } else if (head == std::array<unsigned char, 4>{0x28, 0xb5, 0x2f, 0xfd}) {
    packing_ = Packing::kZstd;
    zstd_ = ZSTD_createDCtx();
  }
}

UnpackedFile::~UnpackedFile() {
  if (gzip_ != nullptr) inflateEnd(gzip_);
  delete gzip_;
  ZSTD_freeDCtx(zstd_);
}

bool UnpackedFile::more_packed() {
  if (packed_used_ < packed_.size()) return true;
  packed_.resize(kPiece);
  packed_.resize(source_.read(packed_at_, packed_.data(), kPiece));
  packed_used_ = 0;
  packed_at_ += packed_.size();
  if (packed_.empty() && frame_open_) error_ = "ends early";
  return !packed_.empty();
}

bool UnpackedFile::unpack_gzip() {
  gzip_->next_in = reinterpret_cast<Bytef*>(packed_.data() + packed_used_);
  gzip_->avail_in = static_cast<uInt>(packed_.size() - packed_used_);
  gzip_->next_out = reinterpret_cast<Bytef*>(bytes_.data());
  gzip_->avail_out = static_cast<uInt>(bytes_.size());
  const int done = inflate(gzip_, Z_NO_FLUSH);
  packed_used_ = packed_.size() - gzip_->avail_in;
  bytes_.resize(bytes_.size() - gzip_->avail_out);
  frame_open_ = done != Z_STREAM_END;
  if (done == Z_STREAM_END) inflateReset(gzip_);
  return done == Z_OK || done == Z_STREAM_END || done == Z_BUF_ERROR;
}

bool UnpackedFile::unpack_zstd() {
  ZSTD_inBuffer in{packed_.data(), packed_.size(), packed_used_};
  ZSTD_outBuffer out{bytes_.data(), bytes_.size(), 0};
  const std::size_t left = ZSTD_decompressStream(zstd_, &out, &in);
  packed_used_ = in.pos;
  bytes_.resize(out.pos);
  frame_open_ = left != 0;
  return ZSTD_isError(left) == 0;
}

bool UnpackedFile::refill() {
  used_ = 0;
  bytes_.clear();
  while (bytes_.empty() && !error_) {
    if (!more_packed()) return false;
    if (packing_ == Packing::kNone) {
      bytes_.swap(packed_);
      packed_.clear();
      packed_used_ = 0;
      return true;
    }
    bytes_.resize(kPiece);
    if (!(packing_ == Packing::kGzip ? unpack_gzip() : unpack_zstd())) {
      bytes_.clear();
      error_ = "what is packed is damaged";
    }
  }
  return !error_;
}

std::size_t UnpackedFile::read(char* to, std::size_t size) {
  std::size_t done = 0;
  while (done < size && (used_ < bytes_.size() || refill())) {
    const std::size_t count = std::min(size - done, bytes_.size() - used_);
    std::memcpy(to + done, bytes_.data() + used_, count);
    used_ += count;
    done += count;
  }
  return done;
}

std::optional<std::string> UnpackedFile::line() {
  std::string line;
  while (used_ < bytes_.size() || refill()) {
    const char* const from = bytes_.data() + used_;
    const void* const end = std::memchr(from, '\n', bytes_.size() - used_);
    const std::size_t count = end == nullptr
                                  ? bytes_.size() - used_
                                  : static_cast<std::size_t>(static_cast<const char*>(end) - from);
    line.append(from, count);
    used_ += count;
    if (end != nullptr) {
      ++used_;
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
    if (line.size() > kMostLine) {
      error_ = "a line too long";
      return std::nullopt;
    }
  }
  if (line.empty() || error_) return std::nullopt;
  return line;
}

}  // namespace quire::trace
