// A stranger's C++ program: the library that runs is the one whose header was read.
#include <quire/version.h>

#include <cstdio>

int main() {
  std::printf("C++: quire %d\n", quire_version());
  return quire_version() == QUIRE_VERSION ? 0 : 1;
}
