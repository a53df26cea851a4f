// Bare: an x86-64 kernel's CPU. The current context is the first word of the segment that GS
// points to; whoever brings a CPU up points GS there before it enters the core.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/base.hpp"
#include "host/clear_words.hpp"
#include "host/cpu_context.hpp"

namespace quire {

struct Arch {
  static CpuContext* current() {
    CpuContext* context;
    asm("movq %%gs:0, %0" : "=r"(context) : : "memory");
    return context;
  }
  static void set_current(CpuContext* context) {
    asm volatile("movq %0, %%gs:0" : : "r"(context) : "memory");
  }
  static void cpu_relax() { asm volatile("pause" : : : "memory"); }
  static void clear_page(std::byte* page) { clear_words(page); }
  static void copy_page(std::byte* to, const std::byte* from) {
    std::memcpy(to, from, kPageSize.raw());
  }
};

}  // namespace quire
