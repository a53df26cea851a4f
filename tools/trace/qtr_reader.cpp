// One block at a time; every length is compared with what is there before it is believed.
#include "tools/trace/qtr_reader.hpp"

#include <zstd.h>

#include <algorithm>
#include <utility>

namespace quire::trace {
OpenedTrace QtrReader::open(ByteSource source) {
  std::unique_ptr<QtrReader> reader(new QtrReader(std::move(source)));
  if (auto read = reader->read_header(); !read) return std::unexpected(read.error());
  if (auto read = reader->read_index(); !read) return std::unexpected(read.error());
  return reader;
}

QtrReader::~QtrReader() { ZSTD_freeDCtx(decompressor_); }

std::unexpected<TraceError> QtrReader::wrong(std::uint64_t offset, std::string what) {
  left_ = {};
  next_block_ = index_.size();
  failed_ = TraceError{.path = source_.name(), .offset = offset, .what = std::move(what)};
  return std::unexpected(*failed_);
}

std::expected<void, TraceError> QtrReader::read_header() {
  qtr::Preamble preamble;
  const std::size_t got = source_.read_struct(0, preamble);
  if (got < sizeof preamble.magic || preamble.magic != qtr::kMagic)
    return wrong(0, "not a Quire trace");
  if (got < sizeof preamble) return wrong(got, "ends within its first bytes");
  if (preamble.version != kVersion)
    return wrong(8, "is of version " + std::to_string(preamble.version) + ", this reads version " +
                        std::to_string(kVersion));
  if (preamble.header_bytes > qtr::kMostHeaderBytes) return wrong(12, "a header too long");
  std::string bytes(preamble.header_bytes, '\0');
  const std::size_t size = source_.read(sizeof preamble, bytes.data(), bytes.size());
  if (size < bytes.size()) return wrong(sizeof preamble + size, "ends within its header");
  qtr::HeaderText text;
  if (qtr::crc_of(bytes) != preamble.header_crc || !qtr::decode(bytes, text))
    return wrong(sizeof preamble, "its header is damaged");
  header_.command = std::move(text.command);
  header_.source = std::move(text.source);
  first_block_ = sizeof preamble + bytes.size();
  return {};
}

std::expected<void, TraceError> QtrReader::read_index() {
  const std::uint64_t size = source_.size();
  qtr::Trailer trailer;
  if (size < first_block_ + sizeof trailer) return wrong(size, "ends early: it has no index");
  const std::uint64_t trailer_at = size - sizeof trailer;
  if (source_.read_struct(trailer_at, trailer) < sizeof trailer || trailer.magic != qtr::kEndMagic)
    return wrong(size, "ends early: it has no index");
  qtr::IndexHead head;
  index_at_ = trailer.index_offset;
  if (index_at_ < first_block_ || index_at_ > trailer_at ||
      trailer_at - index_at_ < sizeof head || source_.read_struct(index_at_, head) < sizeof head ||
      head.magic != qtr::IndexHead{}.magic)
    return wrong(trailer_at, "says that its index is where none is");
  const std::uint64_t want = sizeof(qtr::Totals) + head.blocks * sizeof(qtr::IndexEntry);
  if (head.bytes != want || head.bytes > qtr::kMostIndexBytes ||
      index_at_ + sizeof head + want != trailer_at)
    return wrong(index_at_, "its index has a wrong length");
  std::string bytes(head.bytes, '\0');
  const std::size_t got = source_.read(index_at_ + sizeof head, bytes.data(), bytes.size());
  if (got < bytes.size() || qtr::crc_of(bytes) != head.crc)
    return wrong(index_at_, "its index is damaged");
  qtr::Totals totals;
  std::memcpy(&totals, bytes.data(), sizeof totals);
  header_.events = totals.events;
  header_.accesses = totals.accesses;
  header_.processes = totals.processes;
  header_.threads = totals.threads;
  header_.files = totals.files;
  index_.resize(head.blocks);
  if (!index_.empty())
    std::memcpy(index_.data(), bytes.data() + sizeof totals,
                index_.size() * sizeof(qtr::IndexEntry));
  return check_index();
}

// Blocks ascend in the file and in their events.
std::expected<void, TraceError> QtrReader::check_index() {
  std::uint64_t offset = first_block_, event = 0;
  for (std::size_t i = 0; i < index_.size(); ++i) {
    const bool good = i == 0 ? index_[i].offset == offset && index_[i].first_event == 0
                             : index_[i].offset > offset && index_[i].first_event > event;
    if (!good || index_[i].offset >= index_at_)
      return wrong(index_at_, "its index is not in order");
    offset = index_[i].offset;
    event = index_[i].first_event;
  }
  if (index_.empty() ? header_.events != 0 || index_at_ != first_block_ : header_.events <= event)
    return wrong(index_at_, "its index does not have all events");
  return {};
}

std::expected<void, TraceError> QtrReader::read_block() {
  const std::uint64_t offset = index_[next_block_].offset;
  const bool last = next_block_ + 1 == index_.size();
  const std::uint64_t end = last ? index_at_ : index_[next_block_ + 1].offset;
  const std::uint64_t end_event = last ? header_.events : index_[next_block_ + 1].first_event;
  qtr::BlockHead head;
  if (source_.read_struct(offset, head) < sizeof head || head.magic != qtr::BlockHead{}.magic ||
      head.raw_bytes > qtr::kMostRawBytes || end - offset < sizeof head ||
      end - offset - sizeof head != head.frame_bytes ||
      head.frame_bytes > ZSTD_compressBound(head.raw_bytes) ||
      head.events != end_event - index_[next_block_].first_event)
    return wrong(offset, "a block's head is damaged");
  frame_.resize(head.frame_bytes);
  const std::size_t got = source_.read(offset + sizeof head, frame_.data(), frame_.size());
  if (got < frame_.size()) return wrong(offset + sizeof head + got, "ends within a block");
  if (qtr::crc_of(frame_) != head.crc) return wrong(offset, "a block is damaged");
  if (decompressor_ == nullptr) decompressor_ = ZSTD_createDCtx();
  block_.resize(head.raw_bytes);
  const std::size_t size = ZSTD_decompressDCtx(decompressor_, block_.data(), block_.size(),
                                               frame_.data(), frame_.size());
  if (ZSTD_isError(size) != 0)
    return wrong(offset, std::string("a block is damaged: ") + ZSTD_getErrorName(size));
  if (size != block_.size()) return wrong(offset, "a block has a wrong length");
  left_ = block_;
  left_events_ = head.events;
  context_ = {};
  ++next_block_;
  return {};
}

std::expected<const Event*, TraceError> QtrReader::next() {
  if (failed_) return std::unexpected(*failed_);
  if (left_events_ == 0) {
    if (next_block_ == index_.size()) return nullptr;
    if (auto read = read_block(); !read) return std::unexpected(read.error());
  }
  const std::uint64_t offset = index_[next_block_ - 1].offset;
  if (!qtr::decode(left_, context_, event_)) return wrong(offset, "a block has no such event");
  if (--left_events_ == 0 && !left_.empty())
    return wrong(offset, "a block has bytes behind its last event");
  return &event_;
}

std::expected<void, TraceError> QtrReader::seek(std::uint64_t event) {
  if (failed_) return std::unexpected(*failed_);
  if (event >= header_.events) {
    next_block_ = index_.size();
    left_events_ = 0;
    return {};
  }
  const auto behind = std::ranges::upper_bound(index_, event, {}, &qtr::IndexEntry::first_event);
  next_block_ = static_cast<std::size_t>(behind - index_.begin()) - 1;
  if (auto read = read_block(); !read) return read;
  for (std::uint64_t at = index_[next_block_ - 1].first_event; at < event; ++at)
    if (auto passed = next(); !passed) return std::unexpected(passed.error());
  return {};
}

unsigned QtrReader::progress() const {
  if (header_.events == 0) return kProgressWhole;
  const std::uint64_t begun =
      next_block_ == index_.size() ? header_.events : index_[next_block_].first_event;
  return static_cast<unsigned>((begun - left_events_) * kProgressWhole / header_.events);
}

}  // namespace quire::trace
