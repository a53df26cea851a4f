// What the machine's log says of requests that cannot be met and of calls that make no sense.
#include "vmalloc/vmalloc_space.hpp"

namespace quire {

void VmallocSpace::report_too_large(const Ask& ask) const {
  if (any(ask.gfp & Gfp::kNoWarn)) return;
  LogLine line(parts_.host);
  line->str("vmalloc error: size ").dec(ask.size.raw()).str(", exceeds total pages, mode:0x")
      .hex(raw(ask.gfp)).ch('(');
  print(*line, ask.gfp);
  line->str("), nodemask=(null)");
}

void VmallocSpace::report_no_place(const Ask& ask, Bytes size) const {
  if (any(ask.gfp & Gfp::kNoWarn)) return;
  LogLine(parts_.host)->str("vmap allocation for size ").dec(size.raw())
      .str(" failed: use vmalloc=<size> to increase size");
}

void VmallocSpace::warn(std::string_view what, std::optional<VirtAddr> address) const {
  {
    LogLine line(parts_.host);
    line->str("WARNING: ").str(what);
    if (address.has_value()) line->ch('(').hex(address->raw(), Width{16}).ch(')');
  }
  if (parts_.panic_on_warn) QUIRE_PANIC("vmalloc: a warning, and panic_on_warn is set");
}

}  // namespace quire
