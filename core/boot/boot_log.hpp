// How the boot log writes ranges of addresses.
#pragma once

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

// "[mem 0x00001000-0x00001fff]": both ends inclusive, `digits` hexadecimal digits at least.
inline Text& put_mem(Text& text, PhysRange range, Width digits) {
  text.str("[mem 0x").hex(range.start.raw(), digits);
  return text.str("-0x").hex(range.end.raw() - 1, digits).ch(']');
}
inline constexpr Width kFullDigits{16};
inline constexpr Width kShortDigits{8};

}  // namespace quire
