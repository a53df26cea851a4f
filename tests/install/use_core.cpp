// A stranger who embeds the core itself: its headers and its archive are found and fit together.
#include <cstdio>
#include <cstring>

#include "base/base.hpp"
#include "host/host.hpp"

int main() {
  constexpr quire::Pfn pfn = quire::pfn_up(quire::PhysAddr{4097});
  std::printf("core: %s, pfn %llu\n", quire::name_of(quire::Errno::kNoMemory),
              static_cast<unsigned long long>(pfn.raw()));
  return std::strcmp(quire::name_of(quire::Errno::kNoMemory), "ENOMEM") == 0 ? 0 : 1;
}
