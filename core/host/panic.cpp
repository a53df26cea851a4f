#include "base/base.hpp"
#include "host/arch.hpp"
#include "host/contract.hpp"

namespace quire {

void panic_at(const char* what, const char* file, unsigned line) {
  char report[512];
  BufferSink sink(report, sizeof report);
  {
    Text text(sink);
    text.str("kernel panic: ").str(what).str(" at ").str(file).ch(':').dec(line);
  }
  if (const CpuContext* context = Arch::current(); context != nullptr && context->host != nullptr)
    context->host->panic(sink.text());
  __builtin_trap();
}

}  // namespace quire

#ifdef QUIRE_ARCH_BARE
extern "C" [[noreturn]] void __cxa_pure_virtual() { QUIRE_PANIC("a pure virtual call"); }

namespace std {
[[noreturn]] void __glibcxx_assert_fail(const char* file, int line, const char*,
                                        const char* condition) noexcept {
  quire::panic_at(condition, file, static_cast<unsigned>(line));
}
}  // namespace std
#endif
