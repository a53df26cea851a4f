// Where physical memory is cut on x86, whatever the machine (Documentation/arch/x86/zero-page.rst,
// "ZONE_DMA" and "ZONE_DMA32" in mm/Kconfig's help texts).
#pragma once

#include "base/base.hpp"

namespace quire {

inline constexpr Pfn kDmaEnd{4096};        // 16 MiB: what an ISA device can address
inline constexpr Pfn kFourGib{1U << 20};   // what 32 bits can
inline constexpr Pfn kDma32End{kFourGib};

constexpr PhysRange bytes_of(PfnRange pages) {
  return {address_of(pages.start), address_of(pages.end)};
}

}  // namespace quire
