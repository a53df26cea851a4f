// CPU contexts as a machine has them, for tests of hosts that need no machine.
#pragma once

#include <span>
#include <vector>

#include "host/host.hpp"

namespace quire {

class CpuContexts {
 public:
  CpuContexts(Host& host, unsigned count) : contexts_(count) {
    for (unsigned i = 0; i < count; ++i) {
      contexts_[i].host = &host;
      contexts_[i].cpu = CpuId{static_cast<std::uint16_t>(i)};
      contexts_[i].task = &contexts_[i].idle_task;
      contexts_[i].machine = this;
    }
  }
  CpuContexts(const CpuContexts&) = delete;
  CpuContexts& operator=(const CpuContexts&) = delete;

  CpuContext& operator[](unsigned index) { return contexts_[index]; }
  [[nodiscard]] std::span<CpuContext> all() { return contexts_; }

 private:
  std::vector<CpuContext> contexts_;
};

}  // namespace quire
