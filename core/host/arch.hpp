// The hot calls that the core has on its surroundings, bound at compile time. Two architectures
// exist: Hosted (a thread or fiber of a process) and Bare (a kernel's CPU). The build chooses one
// with QUIRE_ARCH_HOSTED or QUIRE_ARCH_BARE.
#pragma once

#include <concepts>
#include <cstddef>

#include "base/base.hpp"
#include "host/cpu_context.hpp"

#if defined(QUIRE_ARCH_HOSTED)
#include "host/arch_hosted.hpp"
#elif defined(QUIRE_ARCH_BARE)
#include "host/arch_bare.hpp"
#else
#error "define QUIRE_ARCH_HOSTED or QUIRE_ARCH_BARE"
#endif

namespace quire {

template <class A>
concept Architecture = requires(CpuContext* context, std::byte* page, const std::byte* source) {
  { A::current() } -> std::same_as<CpuContext*>;  // null: the caller is on no machine's CPU
  { A::set_current(context) };                    // what attaches and switches calls this
  { A::cpu_relax() };                             // between two looks at a contended word
  { A::clear_page(page) };                        // 4 KiB of zeros
  { A::copy_page(page, source) };
};
static_assert(Architecture<Arch>);

}  // namespace quire
