// Reads a .qtr file. See trace.hpp for what a caller needs to know.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/trace/byte_source.hpp"
#include "tools/trace/qtr_format.hpp"
#include "tools/trace/trace.hpp"

struct ZSTD_DCtx_s;

namespace quire::trace {

class QtrReader final : public TraceReader {
 public:
  [[nodiscard]] static OpenedTrace open(ByteSource source);
  ~QtrReader() override;
  QtrReader(const QtrReader&) = delete;
  QtrReader& operator=(const QtrReader&) = delete;

  [[nodiscard]] const Header& header() const override { return header_; }
  [[nodiscard]] std::expected<const Event*, TraceError> next() override;
  [[nodiscard]] std::expected<void, TraceError> seek(std::uint64_t event) override;
  [[nodiscard]] unsigned progress() const override;

 private:
  explicit QtrReader(ByteSource source) : source_(std::move(source)) {}
  std::unexpected<TraceError> wrong(std::uint64_t offset, std::string what);
  std::expected<void, TraceError> read_header();
  std::expected<void, TraceError> read_index();
  std::expected<void, TraceError> check_index();
  std::expected<void, TraceError> read_block();

  ByteSource source_;
  Header header_;
  std::uint64_t first_block_ = 0;
  std::uint64_t index_at_ = 0;
  std::vector<qtr::IndexEntry> index_;
  std::optional<TraceError> failed_;

  std::size_t next_block_ = 0;
  std::string frame_;
  std::string block_;
  std::string_view left_;  // of block_
  std::uint32_t left_events_ = 0;
  qtr::Context context_;
  Event event_;
  ZSTD_DCtx_s* decompressor_ = nullptr;
};

}  // namespace quire::trace
