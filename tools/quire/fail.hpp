// How a command ends that cannot do what it was asked for.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdio>
#include <string_view>

namespace quire::tools {

inline constexpr int kFailed = 1;
inline constexpr int kUnreadable = 2;

// Says why in one line on stderr; `status` becomes the program's exit status.
[[noreturn]] inline void fail(std::string_view what, int status = kFailed) {
  std::fprintf(stderr, "quire: %.*s\n", static_cast<int>(what.size()), what.data());
  throw CLI::RuntimeError(status);
}

}  // namespace quire::tools
