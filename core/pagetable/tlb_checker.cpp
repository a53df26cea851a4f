#include "pagetable/tlb_checker.hpp"

namespace quire {
namespace {

void print(Text& out, const CachedTranslation& translation, VirtAddr address) {
  out.str("pfn 0x").hex(translation.frame_of(address).raw()).str(" of a leaf of 2^")
      .dec(translation.shift).str(", allows 0x").hex(translation.allows_now().bits());
}

void print(Text& out, CpuId cpu, VirtAddr address) {
  out.str("TLB: CPU ").dec(index_of(cpu)).str(", address 0x").hex(address.raw()).str(": ");
}

}  // namespace

void TlbChecker::check_hit(CpuId cpu, VirtAddr address, Access access,
                           const CachedTranslation& cached) {
  const Tlb::Loaded loaded = parts_.tlb.loaded(cpu);
  const std::optional<CachedTranslation> now = parts_.walker.look(loaded.mm->root(), address);
  const bool astray = loaded.lazy && !is_kernel(address);
  const bool stale = !now.has_value() || now->frame_of(address) != cached.frame_of(address) ||
                     !now->allows_now().has(access);
  if (!stale && !astray) return;
  const bool pending = is_kernel(address) ? parts_.tlb.kernel().gathering()
                                          : parts_.tlb.flush_pending(cpu);
  if (!astray && pending) {
    ++excused_;
    return;
  }
  char storage[320];
  BufferSink sink(storage, sizeof storage);
  Text text(sink);
  print(text, cpu, address);
  text.str(astray ? "touched by a lazy CPU; cached " : "stale; cached ");
  print(text, cached, address);
  text.str(", the tables say ");
  now.has_value() ? print(text, *now, address) : static_cast<void>(text.str("nothing"));
  text.flush();
  parts_.host.panic(sink.text());
}

Result<void> TlbChecker::audit(TlbModel& model, Text& report) const {
  for (unsigned i = 0; i < parts_.tlb.cpu_count(); ++i) {
    const CpuId id{static_cast<std::uint16_t>(i)};
    QUIRE_TRY(audit_cpu(id, model.cpu(id), report));
  }
  return {};
}

Result<void> TlbChecker::audit_cpu(CpuId id, const CpuTlb& cpu, Text& report) const {
  const Tlb::Loaded loaded = parts_.tlb.loaded(id);
  const bool of_program = loaded.mm != &parts_.tlb.kernel();
  const bool pending = parts_.tlb.flush_pending(id);
  const auto broken = [&](std::string_view what) {
    report.str("TLB: CPU ").dec(index_of(id)).str(what).nl();
    return Errno::kFault;
  };
  if (cpu.root() != loaded.mm->root()) return broken(" uses other tables than it has loaded");
  if (of_program && !loaded.mm->cpus().has(id))
    return broken(" has an address space loaded that does not know of it");
  if (!loaded.lazy && !pending && loaded.generation != loaded.mm->generation())
    return broken(" has missed a flush");
  Result<void> result;
  cpu.for_each_usable([&](VirtAddr first, const CachedTranslation& cached) {
    if (!result.has_value() || (!is_kernel(first) && (loaded.lazy || pending))) return;
    if (is_kernel(first) && parts_.tlb.kernel().gathering()) return;
    if (!leaf_is_stale(cpu, first, cached)) return;
    print(report, id, first);
    report.str("stale; cached ");
    print(report, cached, first);
    report.nl();
    result = Errno::kFault;
  });
  return result;
}

bool TlbChecker::leaf_is_stale(const CpuTlb& cpu, VirtAddr first,
                               const CachedTranslation& cached) const {
  const VirtAddr end = first + Bytes{std::uint64_t{1} << cached.shift};
  for (VirtAddr address = first; address != end;) {
    const std::optional<CachedTranslation> now = parts_.walker.look(cpu.root(), address);
    if (!now.has_value()) {
      if (!is_kernel(address)) return true;
      address += kPageSize;
      continue;
    }
    if (now->frame_of(address) != cached.frame_of(address)) return true;
    if ((cached.allows_now().bits() & ~now->allows_now().bits()) != 0) return true;
    if (now->shift >= cached.shift) return false;
    address = (address + Bytes{1}).align_up(Bytes{std::uint64_t{1} << now->shift});
  }
  return false;
}

}  // namespace quire
