// What the environment asks of libquire_malloc.so; `quire malloc` sets it.
//
//   QUIRE_MALLOC_LIMIT   bytes, with K, M or G behind: more is ENOMEM
//   QUIRE_MALLOC_STATS   where statistics are appended at exit: a file, or - for standard error
//
// Errors  A value that makes no sense is told of and ignored.
#pragma once

#include <cstddef>
#include <cstdint>

namespace quire::preload {

struct Settings {
  std::size_t limit = SIZE_MAX;
  const char* stats = nullptr;
  int errors = 2;  // where standard error is, though the program should close its own at exit

  static Settings from_environment();
};

}  // namespace quire::preload
