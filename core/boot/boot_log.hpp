// Lines of the boot log, put together piece by piece and handed to the host when complete.
//
//   BootLine(host)->str("last_pfn = 0x").hex(pfn.raw());
#pragma once

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

class BootLine {
 public:
  explicit BootLine(Host& host) : host_(host), sink_(storage_, sizeof storage_), text_(sink_) {}
  ~BootLine() {
    text_.flush();
    host_.log(sink_.text());
  }
  BootLine(const BootLine&) = delete;
  BootLine& operator=(const BootLine&) = delete;

  Text* operator->() { return &text_; }
  Text& operator*() { return text_; }

 private:
  Host& host_;
  char storage_[1024];
  BufferSink sink_;
  Text text_;
};

// "[mem 0x00001000-0x00001fff]": both ends inclusive, `digits` hexadecimal digits at least.
inline Text& put_mem(Text& text, PhysRange range, Width digits) {
  text.str("[mem 0x").hex(range.start.raw(), digits);
  return text.str("-0x").hex(range.end.raw() - 1, digits).ch(']');
}
inline constexpr Width kFullDigits{16};
inline constexpr Width kShortDigits{8};

}  // namespace quire
