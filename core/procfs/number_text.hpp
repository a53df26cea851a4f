// Numbers as Linux reads them from what is written to its files. Two readers, because two exist:
// that of sysctls, which takes a number off the front, and that of /sys, which wants nothing else
// in the text but a newline at its end.
//
// Errors  kInvalid: no number, or something in it that is none. kRange (whole_number only): more
//         than 64 bits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/base.hpp"

namespace quire {

struct SignedNumber {
  std::uint64_t magnitude = 0;
  bool negative = false;
};

// Drops blanks, tabs and line ends off the front of `text`; how many there were.
std::size_t skip_blanks(std::string_view& text);

// Takes a number off the front of `text`: decimal, 0x hexadecimal or 0 octal, a minus sign before
// it. A blank, a tab, a newline or the end must follow. `text` stays where it was on an error.
Result<SignedNumber> take_number(std::string_view& text);

// `number` as an int; kInvalid when it is none.
Result<std::int64_t> as_int(SignedNumber number);

enum class Radix : std::uint8_t { kDecimal, kAny };
// The number that `text` is.
Result<std::uint64_t> whole_number(std::string_view text, Radix radix);

// Whether `text` is `word`, a newline at its end aside.
bool is_word(std::string_view text, std::string_view word);
// "y", "1", "on" and the like; `text` is not empty.
Result<bool> parse_bool(std::string_view text);

}  // namespace quire
