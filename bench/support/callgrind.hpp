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

// Counts what `body` executes, which cannot be done twice: its caller has warmed what it needs.
template <class Body>
[[gnu::noinline]] void count_once(const char* name, const Body& body) {
  CALLGRIND_ZERO_STATS;
  CALLGRIND_TOGGLE_COLLECT;
  body();
  CALLGRIND_TOGGLE_COLLECT;
  CALLGRIND_DUMP_STATS_AT(name);
}

// Counts what one call of `body` executes. It is called once before, to be warm.
template <class Body>
[[gnu::noinline]] void count(const char* name, const Body& body) {
  body();
  count_once(name, body);
}

}  // namespace quire::bench
