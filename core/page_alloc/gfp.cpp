#include "page_alloc/gfp.hpp"

#include <string_view>

namespace quire {
namespace {

struct Name {
  Gfp gfp;
  std::string_view text;
};

// The longest combinations first: a report names each bit once.
constexpr Name kNames[] = {
    {Gfp::kTransHuge, "GFP_TRANSHUGE"},
    {Gfp::kTransHugeLight, "GFP_TRANSHUGE_LIGHT"},
    {Gfp::kHighUserMovable, "GFP_HIGHUSER_MOVABLE"},
    {Gfp::kHighUser, "GFP_HIGHUSER"},
    {Gfp::kUser, "GFP_USER"},
    {Gfp::kKernelAccount, "GFP_KERNEL_ACCOUNT"},
    {Gfp::kKernel, "GFP_KERNEL"},
    {Gfp::kNoFs, "GFP_NOFS"},
    {Gfp::kAtomic, "GFP_ATOMIC"},
    {Gfp::kNoIo, "GFP_NOIO"},
    {Gfp::kNoWait, "GFP_NOWAIT"},
    {Gfp::kDmaZone, "GFP_DMA"},
    {Gfp::kHighMemZone, "__GFP_HIGHMEM"},
    {Gfp::kDma32Zone, "GFP_DMA32"},
    {Gfp::kHigh, "__GFP_HIGH"},
    {Gfp::kAtomicContext, "__GFP_ATOMIC"},
    {Gfp::kIo, "__GFP_IO"},
    {Gfp::kFs, "__GFP_FS"},
    {Gfp::kNoWarn, "__GFP_NOWARN"},
    {Gfp::kRetryMayFail, "__GFP_RETRY_MAYFAIL"},
    {Gfp::kNoFail, "__GFP_NOFAIL"},
    {Gfp::kNoRetry, "__GFP_NORETRY"},
    {Gfp::kCompound, "__GFP_COMP"},
    {Gfp::kZero, "__GFP_ZERO"},
    {Gfp::kNoMemalloc, "__GFP_NOMEMALLOC"},
    {Gfp::kMemalloc, "__GFP_MEMALLOC"},
    {Gfp::kHardwall, "__GFP_HARDWALL"},
    {Gfp::kThisNode, "__GFP_THISNODE"},
    {Gfp::kReclaimable, "__GFP_RECLAIMABLE"},
    {Gfp::kMovable, "__GFP_MOVABLE"},
    {Gfp::kAccount, "__GFP_ACCOUNT"},
    {Gfp::kWrite, "__GFP_WRITE"},
    {Gfp::kReclaim, "__GFP_RECLAIM"},
    {Gfp::kDirectReclaim, "__GFP_DIRECT_RECLAIM"},
    {Gfp::kKswapdReclaim, "__GFP_KSWAPD_RECLAIM"},
};

}  // namespace

void print(Text& text, Gfp gfp) {
  if (gfp == Gfp::kNone) {
    text.str("none");
    return;
  }
  bool first = true;
  const auto separate = [&] {
    if (!first) text.ch('|');
    first = false;
  };
  for (const Name& name : kNames) {
    if ((gfp & name.gfp) != name.gfp) continue;
    separate();
    text.str(name.text);
    gfp = gfp & ~name.gfp;
  }
  if (!any(gfp)) return;
  separate();
  text.str("0x").hex(raw(gfp));
}

}  // namespace quire
