// gfp flags: what a request may use and do (get free pages). Values are Linux 6.1's, so that a mask
// printed by one system can be read by the other.
//
// Source  Documentation/core-api/memory-allocation.rst and gfp_mask descriptions of the mm API
//         document; values as allocation failure reports print them.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "memmap/memmap.hpp"

namespace quire {

enum class Gfp : std::uint32_t {
  kNone = 0,
  // Zone modifiers.
  kDmaZone = 0x01,
  kHighMemZone = 0x02,
  kDma32Zone = 0x04,
  kMovable = 0x08,        // the page can be moved: it belongs into movable pageblocks
  kReclaimable = 0x10,    // a shrinker can free it
  // Watermark modifiers.
  kHigh = 0x20,           // high priority: may go below the min watermark
  kAtomicContext = 0x200, // cannot wait, and failing is costly
  kMemalloc = 0x20000,    // frees more than it takes: may use all reserves
  kNoMemalloc = 0x80000,  // never reserves, even where the task might
  // Reclaim modifiers.
  kIo = 0x40,
  kFs = 0x80,
  kDirectReclaim = 0x400,
  kKswapdReclaim = 0x800,
  kRetryMayFail = 0x4000,
  kNoFail = 0x8000,
  kNoRetry = 0x10000,
  // Action modifiers.
  kZero = 0x100,
  kWrite = 0x1000,        // will be dirtied soon: spread over zones
  kNoWarn = 0x2000,
  kCompound = 0x40000,
  kHardwall = 0x100000,
  kThisNode = 0x200000,
  kAccount = 0x400000,

  kReclaim = kDirectReclaim | kKswapdReclaim,
  // The spellings of older kernels.
  kWait = kReclaim,
  kRepeat = kRetryMayFail,

  // The combinations that callers use.
  kAtomic = kHigh | kAtomicContext | kKswapdReclaim,
  kKernel = kReclaim | kIo | kFs,
  kKernelAccount = kKernel | kAccount,
  kNoWait = kKswapdReclaim,
  kNoIo = kReclaim,
  kNoFs = kReclaim | kIo,
  kUser = kKernel | kHardwall,
  kDma = kDmaZone,
  kDma32 = kDma32Zone,
  kHighUser = kUser | kHighMemZone,
  kHighUserMovable = kHighUser | kMovable,
  kTransHugeLight = (kHighUserMovable | kCompound | kNoMemalloc | kNoWarn) & ~kReclaim,
  kTransHuge = kTransHugeLight | kDirectReclaim,
};

constexpr std::uint32_t raw(Gfp gfp) { return static_cast<std::uint32_t>(gfp); }
constexpr Gfp operator|(Gfp a, Gfp b) { return static_cast<Gfp>(raw(a) | raw(b)); }
constexpr Gfp operator&(Gfp a, Gfp b) { return static_cast<Gfp>(raw(a) & raw(b)); }
constexpr Gfp operator~(Gfp a) { return static_cast<Gfp>(~raw(a)); }
constexpr bool any(Gfp gfp) { return raw(gfp) != 0; }

// The highest zone that `gfp` allows on `arch`, as Linux's zone table has it. HighMem is Normal
// where there is no high memory, DMA32 is Normal on 32 bits; senseless combinations get DMA.
constexpr ZoneType highest_zone(Gfp gfp, ArchProfile arch) {
  const bool narrow = arch == ArchProfile::kX86_32;
  switch (raw(gfp) & 0xf) {
    case 0x0: case 0x8: return ZoneType::kNormal;
    case 0x2: return narrow ? ZoneType::kHighMem : ZoneType::kNormal;
    case 0x4: case 0xc: return narrow ? ZoneType::kNormal : ZoneType::kDma32;
    case 0xa: return ZoneType::kMovable;
    default: return ZoneType::kDma;
  }
}

// Which pageblocks the page belongs into.
constexpr MigrateType migrate_type(Gfp gfp) {
  const Gfp mobility = gfp & (Gfp::kMovable | Gfp::kReclaimable);
  if (mobility == Gfp::kMovable) return MigrateType::kMovable;
  if (mobility == Gfp::kReclaimable) return MigrateType::kReclaimable;
  return MigrateType::kUnmovable;
}

// `gfp` as the task's scope narrows it (memalloc_noio_save and the like).
constexpr Gfp in_scope(Gfp gfp, std::uint32_t task_flags) {
  if ((task_flags & Task::kMemallocNoio) != 0) gfp = gfp & ~(Gfp::kIo | Gfp::kFs);
  else if ((task_flags & Task::kMemallocNofs) != 0) gfp = gfp & ~Gfp::kFs;
  if ((task_flags & Task::kMemallocPin) != 0) gfp = gfp & ~Gfp::kMovable;
  return gfp;
}

// Writes the flags' names as Linux prints them: "GFP_KERNEL|__GFP_ZERO".
void print(Text& text, Gfp gfp);

static_assert(raw(Gfp::kKernel) == 0xcc0);
static_assert(raw(Gfp::kAtomic) == 0xa20);
static_assert(raw(Gfp::kHighUserMovable) == 0x100cca);

}  // namespace quire
