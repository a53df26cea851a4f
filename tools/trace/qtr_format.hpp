// The layout of a .qtr file, shared by its reader and its writer. docs/TRACE.md tells the same.
//
// All numbers little-endian. Preamble, header, blocks, index, trailer; a block is a head and a
// zstd frame, and can be read without those before it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

#include "tools/trace/event.hpp"

namespace quire::trace::qtr {

inline constexpr std::array<char, 8> kMagic{'Q', 'u', 'i', 'r', 'e', 'T', 'r', '\n'};
inline constexpr std::array<char, 8> kEndMagic{'Q', 'u', 'i', 'r', 'e', 'E', 'n', '\n'};

struct Preamble {
  std::array<char, 8> magic = kMagic;
  std::uint32_t version = 0;
  std::uint32_t header_bytes = 0;
  std::uint32_t header_crc = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Preamble) == 24 && std::is_trivially_copyable_v<Preamble>);

struct BlockHead {
  std::array<char, 4> magic{'B', 'L', 'C', 'K'};
  std::uint32_t frame_bytes = 0;
  std::uint32_t raw_bytes = 0;
  std::uint32_t events = 0;
  std::uint32_t crc = 0;  // of the frame: zstd lets some bits of its own head differ
};
static_assert(sizeof(BlockHead) == 20);

// CRC-32, as zlib has it.
[[nodiscard]] std::uint32_t crc_of(std::string_view bytes);

struct IndexHead {
  std::array<char, 4> magic{'I', 'N', 'D', 'X'};
  std::uint32_t bytes = 0;
  std::uint32_t crc = 0;
  std::uint32_t blocks = 0;
};
static_assert(sizeof(IndexHead) == 16);

struct IndexEntry {
  std::uint64_t offset = 0;       // of the block's head
  std::uint64_t first_event = 0;  // its number
};
static_assert(sizeof(IndexEntry) == 16);

struct Totals {
  std::uint64_t events = 0;
  std::uint64_t accesses = 0;
  std::uint32_t processes = 0;
  std::uint32_t threads = 0;
  std::uint32_t files = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(Totals) == 32);

struct Trailer {
  std::uint64_t index_offset = 0;
  std::array<char, 8> magic = kEndMagic;
};
static_assert(sizeof(Trailer) == 16);

// A reader believes no larger length: it would be asked for before its bytes are seen.
inline constexpr std::uint32_t kMostHeaderBytes = 1 << 20;
inline constexpr std::uint32_t kMostRawBytes = 16 << 20;
inline constexpr std::uint32_t kMostIndexBytes = 32 << 20;
// A block of this size compresses about as well as a larger one would.
inline constexpr std::size_t kBlockBytes = 1 << 20;

// The first byte of an event: an access (kAccess and its bits), kSwitch, or its number in What.
inline constexpr std::uint8_t kAccess = 0x80;
inline constexpr std::uint8_t kTouchMask = 0x03;
inline constexpr std::uint8_t kHasTimes = 0x04;
inline constexpr std::uint8_t kHasPages = 0x08;
inline constexpr std::uint8_t kHasStride = 0x10;
inline constexpr std::uint8_t kSwitch = 0x7f;  // process, thread: of what follows

// What the encoding of an event refers to; a block begins with a new one.
struct Context {
  ProcessId process{};
  ThreadId thread{};
  std::array<std::uint64_t, 3> last_page{};  // a kind of touch each
};

// Puts `event` behind `out`.
void encode(std::string& out, Context& context, const Event& event);

// Takes one event from the front of `in`; false when it makes no sense.
[[nodiscard]] bool decode(std::string_view& in, Context& context, Event& event);

template <typename T>
std::string_view bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The header's bytes.
struct HeaderText {
  std::string command;
  std::string source;
};
void encode(std::string& out, const HeaderText& text);
[[nodiscard]] bool decode(std::string_view in, HeaderText& text);

}  // namespace quire::trace::qtr
