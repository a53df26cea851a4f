#include "host/spinlock.hpp"

#include "host/contract.hpp"

namespace quire {

void SpinLock::wait() const {
  constexpr unsigned kPatience = 100;
  for (unsigned i = 0; i < kPatience; ++i) {
    if (!is_locked()) return;
    Arch::cpu_relax();
  }
  if (const CpuContext* context = Arch::current(); context != nullptr) context->host->yield();
}

}  // namespace quire
