// Machines for tests of the API.
#pragma once

#include <quire/quire.h>

namespace quire::test {

inline constexpr char kTwoNodes[] = R"(distances = [[10, 20], [20, 10]]
[[node]]
memory = "128M"
cpus = "0-1"
[[node]]
memory = "128M"
cpus = "2-3"
)";

inline constexpr quire_options kNative{sizeof(quire_options), QUIRE_HOST_NATIVE, 0, nullptr,
                                       nullptr};

}  // namespace quire::test
