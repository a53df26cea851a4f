// Lines of the machine's log, put together piece by piece and handed to the host when complete.
//
//   LogLine(host)->str("last_pfn = 0x").hex(pfn.raw());
#pragma once

#include "base/base.hpp"
#include "host/contract.hpp"

namespace quire {

class LogLine {
 public:
  explicit LogLine(Host& host) : host_(host), sink_(storage_, sizeof storage_), text_(sink_) {}
  ~LogLine() {
    text_.flush();
    host_.log(sink_.text());
  }
  LogLine(const LogLine&) = delete;
  LogLine& operator=(const LogLine&) = delete;

  Text* operator->() { return &text_; }
  Text& operator*() { return text_; }

 private:
  Host& host_;
  char storage_[1024];
  BufferSink sink_;
  Text text_;
};

}  // namespace quire
