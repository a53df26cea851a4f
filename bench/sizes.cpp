// page.sizeof and page.metadata_bytes: what the memory map takes for each page frame.
#include <cstdio>

#include "memmap/memmap.hpp"

int main() {
  using namespace quire;
  // A pageblock's type is a byte. There is no other array that grows with the memory.
  const double bytes = sizeof(Page) + 1.0 / static_cast<double>(kPageblockPages.raw());
  std::printf("{\"sizeof\": %zu, \"metadata_bytes\": %.3f}\n", sizeof(Page), bytes);
}
