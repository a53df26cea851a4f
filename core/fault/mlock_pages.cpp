#include "fault/mapped_pages.hpp"
#include "fault/page_ranges.hpp"

namespace quire {

void update_mlocked(Vma& vma, VirtRange range) {
  Lru& lru = vma.mm->parts.lru;
  const bool locked = vma.has(VmFlags::kLocked);
  lru.drain_here();
  for_each_mapped_page(vma, range, [&](const MappedPage& mapped) {
    if (locked)
      lru.mlock(mapped.page);
    else
      lru.munlock(mapped.page);
  });
}

}  // namespace quire
