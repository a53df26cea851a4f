// page.sizeof, page.metadata_bytes_plain and page.metadata_bytes: what is kept of each page frame,
// the last with every extension switched on.
#include <cstdio>

#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"

int main() {
  using namespace quire;
  // A pageblock's type is a byte. Without extensions no other array grows with the memory.
  const double plain = sizeof(Page) + 1.0 / static_cast<double>(kPageblockPages.raw());
  const double all = plain + static_cast<double>(PageOwners::kBytesPerPage);
  std::printf("{\"sizeof\": %zu, \"metadata_bytes_plain\": %.3f, \"metadata_bytes\": %.3f}\n",
              sizeof(Page), plain, all);
}
