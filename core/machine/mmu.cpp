#include "machine/mmu.hpp"

namespace quire {

Mmu::Mmu(const Parts& parts)
    : parts_(parts),
      walker_(*parts.kernel.space().format, parts.map),
      checker_({parts.host, tlb_, walker_, parts.kernel.space().kernel_start()}),
      kmap_({parts.host, parts.map, parts.kernel.tables(), tlb_, parts.kernel.space()}) {}

Result<void> Mmu::init(Arena& arena, std::span<CpuContext> cpus, const TlbSpec& spec) {
  QUIRE_TRY(kmap_.init(arena, static_cast<unsigned>(cpus.size())));
  if (!spec.modelled) return {};
  const unsigned large_shift = parts_.kernel.space().format->at(PageLevel::kPmd).shift;
  QUIRE_TRY(model_.init(arena, {tlb_, walker_, cpus, large_shift}, spec));
  QUIRE_TRY(tlb_.init(arena, model_, cpus, parts_.kernel.tables().root_frame()));
  if (spec.check) model_.set_check(&checker_);
  parts_.kernel.set_flush_sink(sink_);
  return {};
}

Result<void> Mmu::audit(Text& report) {
  QUIRE_TRY(kmap_.audit(report));
  if (!tlb_.active()) return {};
  return checker_.audit(model_, report);
}

}  // namespace quire
