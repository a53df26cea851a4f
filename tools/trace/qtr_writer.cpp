// Blocks of events, compressed as they become full; then the index.
#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "tools/trace/qtr_format.hpp"
#include "tools/trace/trace.hpp"

namespace quire::trace {
namespace {

// Level 3 makes a trace of sort a tenth smaller, and costs a third more.
constexpr int kLevel = 1;

// What follows `run` by its stride joins it; two pages define the stride.
bool join(Access& run, const Access& next) {
  if (next.touch != run.touch || next.times != run.times || next.pages != 1) return false;
  const auto step = static_cast<std::int64_t>(next.page - run.page);
  if (run.pages == 1) {
    if (step == 0) return false;
    run.stride = step;
  } else if (next.page !=
             run.page + static_cast<std::uint64_t>(run.stride) * std::uint64_t{run.pages}) {
    return false;
  }
  if (run.pages == UINT32_MAX) return false;
  ++run.pages;
  return true;
}

}  // namespace

class TraceWriter::State {
 public:
  State(std::string path, Header header) : path_(std::move(path)), header_(std::move(header)) {
    header_.events = header_.accesses = 0;
    fd_ = open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (fd_ < 0) fail(errno);
    std::string text;
    qtr::encode(text, {.command = header_.command, .source = header_.source});
    const qtr::Preamble preamble{.version = kVersion,
                                 .header_bytes = static_cast<std::uint32_t>(text.size()),
                                 .header_crc = qtr::crc_of(text)};
    write(qtr::bytes_of(preamble));
    write(text);
  }
  ~State() {
    if (fd_ >= 0) close(fd_);
    ZSTD_freeCCtx(compressor_);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  [[nodiscard]] bool failed() const { return error_.has_value(); }

  void append(const Event& event) {
    const auto* access = std::get_if<Access>(&event.what);
    if (access != nullptr) {
      header_.accesses += std::uint64_t{access->pages} * access->times;
      if (held_ && event.process == held_->process && event.thread == held_->thread &&
          join(std::get<Access>(held_->what), *access))
        return;
    }
    put_held();
    if (access != nullptr)
      held_ = event;
    else
      put(event);
  }

  std::expected<Header, TraceError> finish() {
    put_held();
    flush_block();
    write_index();
    if (fd_ >= 0 && close(std::exchange(fd_, -1)) != 0) fail(errno);
    if (error_) return std::unexpected(*error_);
    return header_;
  }

 private:
  void put_held() {
    if (!held_) return;
    put(*held_);
    held_.reset();
  }

  void put(const Event& event) {
    if (failed()) return;
    qtr::encode(block_, context_, event);
    ++header_.events;
    ++block_events_;
    header_.processes = std::max(header_.processes, std::to_underlying(event.process) + 1);
    header_.threads = std::max(header_.threads, std::to_underlying(event.thread) + 1);
    if (const auto* file = std::get_if<File>(&event.what))
      header_.files = std::max(header_.files, file->file + 1);
    if (block_.size() >= qtr::kBlockBytes) flush_block();
  }

  void flush_block() {
    if (block_events_ == 0 || failed()) return;
    if (compressor_ == nullptr) compressor_ = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(compressor_, ZSTD_c_compressionLevel, kLevel);
    frame_.resize(ZSTD_compressBound(block_.size()));
    const std::size_t size = ZSTD_compress2(compressor_, frame_.data(), frame_.size(),
                                            block_.data(), block_.size());
    if (ZSTD_isError(size) != 0) return fail(ENOMEM);
    index_.push_back({offset_, header_.events - block_events_});
    const std::string_view frame(frame_.data(), size);
    write(qtr::bytes_of(qtr::BlockHead{.frame_bytes = static_cast<std::uint32_t>(size),
                                       .raw_bytes = static_cast<std::uint32_t>(block_.size()),
                                       .events = block_events_,
                                       .crc = qtr::crc_of(frame)}));
    write(frame);
    block_.clear();
    context_ = {};
    block_events_ = 0;
  }

  void write_index() {
    const qtr::Totals totals{.events = header_.events,
                             .accesses = header_.accesses,
                             .processes = header_.processes,
                             .threads = header_.threads,
                             .files = header_.files};
    std::string bytes(qtr::bytes_of(totals));
    for (const qtr::IndexEntry& entry : index_) bytes += qtr::bytes_of(entry);
    const qtr::Trailer trailer{.index_offset = offset_};
    write(qtr::bytes_of(qtr::IndexHead{.bytes = static_cast<std::uint32_t>(bytes.size()),
                                       .crc = qtr::crc_of(bytes),
                                       .blocks = static_cast<std::uint32_t>(index_.size())}));
    write(bytes);
    write(qtr::bytes_of(trailer));
  }

  void write(std::string_view bytes) {
    while (!bytes.empty() && !failed()) {
      const ssize_t done = ::write(fd_, bytes.data(), bytes.size());
      if (done < 0 && errno == EINTR) continue;
      if (done < 0) return fail(errno);
      bytes.remove_prefix(static_cast<std::size_t>(done));
      offset_ += static_cast<std::uint64_t>(done);
    }
  }

  void fail(int error) {
    if (error_) return;
    error_ = {.path = path_, .offset = offset_, .what = std::strerror(error)};
  }

  std::string path_;
  Header header_;
  int fd_ = -1;
  std::uint64_t offset_ = 0;
  std::optional<TraceError> error_;
  std::optional<Event> held_;  // an access that the next may join
  qtr::Context context_;
  std::string block_;
  std::string frame_;
  std::uint32_t block_events_ = 0;
  std::vector<qtr::IndexEntry> index_;
  ZSTD_CCtx* compressor_ = nullptr;
};

TraceWriter::TraceWriter(const std::string& path, Header header)
    : state_(std::make_unique<State>(path, std::move(header))) {}
TraceWriter::~TraceWriter() = default;
void TraceWriter::append(const Event& event) { state_->append(event); }
bool TraceWriter::failed() const { return state_->failed(); }
std::expected<Header, TraceError> TraceWriter::finish() { return state_->finish(); }

}  // namespace quire::trace
