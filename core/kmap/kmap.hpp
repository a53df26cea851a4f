// Where the kernel reaches a page: low memory in the direct map, always; high memory (32 bits) in
// windows, permanent ones that are shared or temporary ones of a CPU.
//
// Locking   kmap() may sleep; the others never do.
// Errors    As the two kinds of windows have them. For low memory there are none.
// Cost      Low memory: a comparison and an addition.
#pragma once

#include <optional>

#include "base/base.hpp"
#include "host/host.hpp"
#include "kmap/fixmap.hpp"
#include "kmap/local_kmap.hpp"
#include "kmap/permanent_kmap.hpp"
#include "memmap/memmap.hpp"
#include "pagetable/pagetable.hpp"

namespace quire {

class Kmap {
 public:
  struct Parts {
    Host& host;
    const MemoryMap& map;
    PageTables& tables;  // the kernel's
    Tlb& tlb;
    const AddressSpace& space;
  };
  explicit Kmap(const Parts& parts);
  // On a machine without high memory there is nothing to set up.
  Result<void> init(Arena& arena, unsigned cpus);

  [[nodiscard]] bool is_high(const Page& page) const {
    return address_of(parts_.map.pfn_of(page)) - PhysAddr{0} >= parts_.space.direct.length();
  }
  VirtAddr kmap(const Page& page);
  Result<void> kunmap(const Page& page);
  Result<VirtAddr> kmap_local(const Page& page);
  Result<void> kunmap_local(VirtAddr address);

  // Where the page is mapped now: none for high memory that has no permanent window.
  [[nodiscard]] std::optional<VirtAddr> page_address(const Page& page);
  // The page that is mapped at a kernel address, or null.
  [[nodiscard]] Page* page_at(VirtAddr address) const;

  [[nodiscard]] Fixmap& fixmap() { return fixmap_; }
  [[nodiscard]] PermanentKmap& permanent() { return permanent_; }
  // Errors: kFault, with what is wrong in `report`.
  Result<void> audit(Text& report);

 private:
  [[nodiscard]] VirtAddr direct(const Page& page) const {
    return parts_.space.direct_address(address_of(parts_.map.pfn_of(page)));
  }

  const Parts parts_;
  Fixmap fixmap_;
  PermanentKmap permanent_;
  LocalKmap local_;
};

}  // namespace quire
