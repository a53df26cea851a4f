// Guest memory, read where an address may be wrong, and files by their keys.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tools/record/plugin/stream_writer.hpp"

namespace quire::record {

// How many bytes at `address` could be read, at most `count`.
[[nodiscard]] std::size_t read_guest(std::uint64_t address, void* to, std::size_t count);
// The length of a text without its end, at most kLongestText; 0 where there is none.
inline constexpr std::size_t kLongestText = 1 << 17;  // Linux: of one argument
[[nodiscard]] std::size_t guest_text_length(std::uint64_t address);

// The key of the regular file behind a descriptor, told to the stream when it is new to this
// process; kNoFileKey for all else.
[[nodiscard]] std::uint64_t file_key(StreamWriter& stream, int fd);

}  // namespace quire::record
