// Broken invariants stop the machine, in every build.
//
// QUIRE_ASSERT      holds in every build; for checks of at most 3 instructions, or off hot paths.
// QUIRE_DEBUG_ASSERT holds in debug builds only (QUIRE_DEBUG); for dearer checks on hot paths.
#pragma once

namespace quire {

// Stops the machine: hands `what` and its place to the host of the current CPU, or traps when the
// caller is on no CPU of a machine. Defined one floor up, in host/.
[[noreturn]] void panic_at(const char* what, const char* file, unsigned line);

}  // namespace quire

#define QUIRE_PANIC(what) ::quire::panic_at((what), __FILE__, __LINE__)
#define QUIRE_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : QUIRE_PANIC(#condition))

#ifdef QUIRE_DEBUG
namespace quire {
inline constexpr bool kDebugBuild = true;
}
#define QUIRE_DEBUG_ASSERT(condition) QUIRE_ASSERT(condition)
#else
namespace quire {
inline constexpr bool kDebugBuild = false;
}
#define QUIRE_DEBUG_ASSERT(condition) static_cast<void>(0)
#endif
