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
// False: no text, or one that is too long for a path.
[[nodiscard]] bool read_guest_path(std::uint64_t address, char (&path)[4096]);

struct GuestFile {
  std::uint64_t key = kNoFileKey;
  std::uint64_t size = 0;  // as it is now
};

// The regular file behind a descriptor, told to the stream when it is new to this process; one
// without a key for all else.
[[nodiscard]] GuestFile guest_file(StreamWriter& stream, int fd);
// A segment of System V's shared memory, which is a file like others, named as /proc/PID/maps has
// it: by its number, and by where it is attached (0: it is not).
[[nodiscard]] GuestFile guest_segment(StreamWriter& stream, int id);
[[nodiscard]] std::uint64_t length_attached_at(std::uint64_t address);

}  // namespace quire::record
