#include "vma/mm.hpp"

#include <new>

namespace quire {
namespace {

// Others may do the same.
void raise(std::atomic<std::uint64_t>& peak, PageCount now) {
  std::uint64_t seen = peak.load(std::memory_order_relaxed);
  while (seen < now.raw() &&
         !peak.compare_exchange_weak(seen, now.raw(), std::memory_order_relaxed)) {
  }
}

std::size_t mask_words(const Nodes& nodes) { return CpuMask::words_for(nodes.cpu_count()); }

}  // namespace

std::uint32_t Mm::bytes_of(const Nodes& nodes) {
  return static_cast<std::uint32_t>(sizeof(Mm) + mask_words(nodes) * sizeof(CpuMask::Word));
}

Result<Mm*> Mm::create(const MmParts& parts, const MmLayout& layout) {
  void* const memory = parts.mms.alloc(Gfp::kKernelAccount);
  if (memory == nullptr) return Errno::kNoMemory;
  std::byte* const behind = static_cast<std::byte*>(memory) + sizeof(Mm);
  auto* const words = reinterpret_cast<CpuMask::Word*>(behind);
  for (std::size_t i = 0; i < mask_words(parts.nodes); ++i) new (&words[i]) CpuMask::Word(0);
  Mm* const mm = new (memory) Mm(parts, layout, {words, mask_words(parts.nodes)});
  if (const auto made = mm->tables.make_root(); !made.has_value()) {
    mm->~Mm();
    parts.mms.free(memory);
    return made.error();
  }
  mm->tlb.set_root(mm->tables.root_frame());
  parts.kernel.share_with(mm->sharer_);
  return mm;
}

Mm::Mm(const MmParts& all, const MmLayout& where, std::span<CpuMask::Word> cpus)
    : parts(all),
      vmas(all.vma_nodes),
      tlb(Pfn{0}, all.tlb.new_id(), cpus),
      tables({*all.kernel.space().format, all.kernel.frames(), sink_, true, nullptr}),
      layout(where),
      sink_(all.tlb, tlb) {}

void Mm::destroy() {
  QUIRE_ASSERT(vmas.count() == 0);
  parts.tlb.leave(tlb);
  parts.kernel.leave(sharer_);
  tables.destroy();
  KmemCache& home = parts.mms;
  this->~Mm();
  home.free(this);
}

Result<Vma*> Mm::new_vma(const Vma& like) {
  void* const memory = parts.vmas.alloc(Gfp::kKernelAccount);
  if (memory == nullptr) return Errno::kNoMemory;
  Vma* const vma = new (memory) Vma;
  vma->range = like.range;
  vma->flags = like.flags;
  vma->prot = like.prot;
  vma->pgoff = like.pgoff;
  vma->mm = this;
  vma->file = like.file;
  vma->lock.changed_in = changes.load(std::memory_order_relaxed);
  return vma;
}

PageCount Mm::rss(Rss kind) const {
  const std::int64_t pages = rss_.data()[index_of(kind)].load(std::memory_order_relaxed);
  return PageCount{pages < 0 ? 0 : static_cast<std::uint64_t>(pages)};
}

PageCount Mm::resident() const { return rss(Rss::kFile) + rss(Rss::kAnon) + rss(Rss::kShmem); }

void Mm::note_peaks() {
  raise(peak_resident, resident());
  raise(peak_total, total);
}

Prot prot_of(VmFlags flags) {
  if (!any(flags & VmFlags::kAccess)) return Prot::kUserReadOnly | Prot::kNoAccess;
  const bool writable = any(flags & VmFlags::kWrite) && any(flags & VmFlags::kShared);
  return Prot::kUser | Prot::kAccessed | (writable ? Prot::kWrite : Prot::kNone) |
         (any(flags & VmFlags::kExec) ? Prot::kNone : Prot::kNoExecute);
}

}  // namespace quire
