// Counting instructions with callgrind (--collect-atstart=no): each case's count is a dump that
// bears its name, which bench/run.py reads.
#pragma once

#include <valgrind/callgrind.h>

namespace quire::bench {

// A value that the compiler knows nothing about, and memory that may have changed.
template <class T>
[[gnu::always_inline]] inline void hide(T& value) {
  asm volatile("" : "+r"(value) : : "memory");
}

// Counts what one call of `body` executes. It is called once before, to be warm.
template <class Body>
[[gnu::noinline]] void count(const char* name, const Body& body) {
  body();
  CALLGRIND_ZERO_STATS;
  CALLGRIND_TOGGLE_COLLECT;
  body();
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(name);
}

}  // namespace quire::bench
