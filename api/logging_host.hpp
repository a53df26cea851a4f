// A simulated host whose log goes to a C callback as well.
#pragma once

#include "hosts/common/forwarding_host.hpp"
#include "hosts/common/reports.hpp"

namespace quire {

class LoggingHost final : public ForwardingHost {
 public:
  LoggingHost(Host& wrapped, TextCallback log) : ForwardingHost(wrapped), log_(std::move(log)) {}

  void log(std::string_view line) override {
    ForwardingHost::log(line);
    if (log_) log_(line);
  }

 private:
  const TextCallback log_;
};

}  // namespace quire
