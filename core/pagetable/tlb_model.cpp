#include "pagetable/tlb_model.hpp"

namespace quire {

Result<void> TlbModel::init(Arena& arena, const Parts& parts, const TlbSpec& spec) {
  QUIRE_TRY(CpuTlb::validate(spec));
  QUIRE_TRY_ASSIGN(cpus, arena.make_array<CpuTlb*>(parts.cpus.size()));
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    const CpuContext& cpu = parts.cpus[i];
    // Of zeros: empty, and not touched before it is used.
    const std::size_t words = CpuTlb::words_of(spec);
    QUIRE_TRY_ASSIGN(memory, arena.allocate(Bytes{words * sizeof(std::uint64_t)}, cpu.node));
    const std::span<std::uint64_t> empty(reinterpret_cast<std::uint64_t*>(memory), words);
    const CpuTlb::Parts own{cpu.cpu, parts.walker, spec, parts.large_shift};
    QUIRE_TRY_ASSIGN(made, arena.make<CpuTlb>(cpu.node, own, empty));
    cpus[i] = made;
  }
  cpus_ = cpus;
  tlb_ = &parts.tlb;
  asids_ = spec.asids ? Tlb::kMaxAsids : 1;
  return {};
}

void TlbModel::set_check(TlbHitCheck* check) {
  for (CpuTlb* const cpu : cpus_) cpu->set_check(check);
}

void TlbModel::load(CpuId id, const TlbLoad& tables) {
  cpu(id).load(tables.root, tables.asid);
  if (!tables.keep) cpu(id).flush_loaded();
}

}  // namespace quire
