// Hosted: a CPU is a thread or fiber of a process; the current one is a thread-local pointer that
// the host sets when a thread attaches or a fiber switches.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/base.hpp"
#include "host/clear_words.hpp"
#include "host/cpu_context.hpp"

namespace quire {

[[gnu::tls_model("initial-exec")]] extern constinit thread_local CpuContext* hosted_current;

struct Arch {
  static CpuContext* current() { return hosted_current; }
  static void set_current(CpuContext* context) { hosted_current = context; }
  static void cpu_relax() { __builtin_ia32_pause(); }
  static void clear_page(std::byte* page) { clear_words(page); }
  static void copy_page(std::byte* to, const std::byte* from) {
    std::memcpy(to, from, kPageSize.raw());
  }
};

}  // namespace quire
