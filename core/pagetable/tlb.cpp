#include "pagetable/tlb.hpp"

namespace quire {

Result<void> Tlb::init(Arena& arena, TlbHardware& hardware, std::span<CpuContext> cpus,
                       Pfn kernel_root) {
  QUIRE_TRY_ASSIGN(states, arena.make_array<Cpu>(cpus.size()));
  QUIRE_TRY_ASSIGN(kernel, arena.make<TlbMm>(NodeId{0}, kernel_root, new_id(),
                                             std::span<CpuMask::Word>{}));
  cpus_ = states;
  kernel_ = kernel;
  hardware_ = &hardware;
  asids_ = min_of(hardware.asids(), kMaxAsids);
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    cpus_[i].percpu = cpus[i].percpu;
    cpus_[i].loaded = kernel_;
    cpus_[i].slots[0] = {kernel_->id(), kernel_->generation()};
    cpus_[i].next_asid = 1;
    hardware_->load(cpus[i].cpu, {.root = kernel_root});
  }
  return {};
}

// Switching ---------------------------------------------------------------------------------------

void Tlb::switch_mm(TlbMm& next) {
  if (active()) switch_on(here(), next);
}

void Tlb::switch_on(CpuId id, TlbMm& next) {
  Cpu& cpu = at(id);
  const bool was_lazy = cpu.lazy;
  cpu.lazy = false;
  Choice choice{cpu.asid, false};
  std::uint64_t generation = 0;
  if (cpu.loaded == &next) {
    // Of the flushes that were asked for meanwhile, a lazy CPU may have been spared some.
    generation = next.generation();
    if (!was_lazy || slot(cpu).generation == generation) return;
  } else {
    if (cpu.loaded != kernel_) cpu.loaded->cpus().clear(id);
    // Who changes `next` from here on counts it up before it looks for CPUs: either it finds this
    // one, or this one finds the change.
    if (&next != kernel_) next.cpus().set(id);
    generation = next.generation();
    choice = choose_asid(cpu, next, generation);
  }
  cpu.loaded = &next;
  cpu.asid = choice.asid;
  slot(cpu) = {next.id(), generation};
  hardware_->load(id, {next.root(), choice.asid, choice.keep});
}

Tlb::Choice Tlb::choose_asid(Cpu& cpu, const TlbMm& next, std::uint64_t generation) const {
  for (std::uint8_t asid = 0; asids_ > 1 && asid < asids_; ++asid) {
    const Slot& slot = cpu.slots.data()[asid];
    if (slot.mm == next.id()) return {asid, slot.generation == generation};
  }
  if (cpu.next_asid >= asids_) cpu.next_asid = 0;
  return {cpu.next_asid++, false};
}

void Tlb::enter_lazy() {
  if (!active()) return;
  Cpu& cpu = at(here());
  cpu.lazy = cpu.loaded != kernel_;
}

void Tlb::flush_kernel_page_here(VirtAddr address) {
  if (!active()) return;
  const CpuId self = here();
  count(at(self), VmEvent::kNrTlbLocalFlushOne);
  hardware_->flush_page(self, address);
}

void Tlb::leave(TlbMm& mm) {
  if (!active()) return;
  flush_mm(mm);
  QUIRE_ASSERT(!mm.cpus().any());
}

// Asking ------------------------------------------------------------------------------------------

void Tlb::flush_all() { flush_everywhere({.what = TlbFlush::What::kAll}); }

void Tlb::flush_mm(TlbMm& mm) {
  if (!active()) return;
  flush_cpus(mm.cpus(), {.what = TlbFlush::What::kMm,
                         .freed_tables = true,
                         .whole = true,
                         .mm = &mm,
                         .generation = mm.next_generation()});
}

void Tlb::flush_range(TlbMm& mm, const Part& part) {
  if (!active()) return;
  const std::uint64_t entries = part.range.length().raw() >> part.stride_shift;
  flush_cpus(mm.cpus(), {.what = TlbFlush::What::kMm,
                         .stride_shift = part.stride_shift,
                         .freed_tables = part.freed_tables,
                         .whole = entries > ceiling(),
                         .mm = &mm,
                         .range = part.range,
                         .generation = mm.next_generation()});
}

// Mostly the caller's CPU is the only one that has `mm` loaded, and this is all it has missed.
void Tlb::flush_page(TlbMm& mm, VirtAddr address) {
  if (!active()) return;
  const VirtAddr page = address.align_down(kPageSize);
  const std::uint64_t generation = mm.next_generation();
  const CpuId self = here();
  Cpu& cpu = cpus_.data()[index_of(self)];
  Slot& own = slot(cpu);
  const bool whole = ceiling() == 0;
  if (cpu.loaded == &mm && !cpu.lazy && own.generation + 1 == generation && !whole &&
      !mm.cpus().any_but(self)) [[likely]] {
    hardware_->flush_page(self, page);
    count(cpu, VmEvent::kNrTlbLocalFlushOne);
    own.generation = generation;
    return;
  }
  flush_cpus(mm.cpus(), {.what = TlbFlush::What::kMm,
                         .whole = whole,
                         .mm = &mm,
                         .range = {page, page + kPageSize},
                         .generation = generation});
}

void Tlb::flush_kernel_range(VirtRange range) {
  const bool many = whole_pages(range.length()).raw() > ceiling();
  flush_everywhere({.what = many ? TlbFlush::What::kAll : TlbFlush::What::kKernel,
                    .range = range});
}

void Tlb::flush_cpus(const CpuMask& cpus, const TlbFlush& flush) {
  const CpuId self = here();
  if (cpus.any_but(self)) {
    count(at(self), VmEvent::kNrTlbRemoteFlush);
    cpus.for_each([&](CpuId cpu) {
      // A lazy CPU catches up when it stops being lazy, unless it might walk freed tables.
      if (cpu != self && (flush.freed_tables || !at(cpu).lazy)) hardware_->send(cpu, flush);
    });
  }
  if (cpus.has(self)) perform(self, flush, From::kHere);
  hardware_->wait();
}

void Tlb::flush_everywhere(const TlbFlush& flush) {
  if (!active()) return;
  const CpuId self = here();
  if (flush.what == TlbFlush::What::kAll) count(at(self), VmEvent::kNrTlbRemoteFlush);
  for (unsigned i = 0; i < cpu_count(); ++i) {
    const CpuId cpu{static_cast<std::uint16_t>(i)};
    if (cpu != self) hardware_->send(cpu, flush);
  }
  perform(self, flush, From::kHere);
  hardware_->wait();
}

// Doing -------------------------------------------------------------------------------------------

void Tlb::perform(CpuId cpu, const TlbFlush& flush, From from) {
  switch (flush.what) {
    case TlbFlush::What::kMm:
    case TlbFlush::What::kBatch:
      return catch_up(cpu, flush, from);
    case TlbFlush::What::kKernel:
      for (VirtAddr page = flush.range.start; page < flush.range.end; page += kPageSize) {
        count(at(cpu), VmEvent::kNrTlbLocalFlushOne);
        hardware_->flush_page(cpu, page);
      }
      return;
    case TlbFlush::What::kAll:
      count(at(cpu), VmEvent::kNrTlbRemoteFlushReceived);
      return hardware_->flush_all(cpu);
  }
}

// Brings a CPU up to the generation of what it has loaded.
void Tlb::catch_up(CpuId id, const TlbFlush& flush, From from) {
  Cpu& cpu = at(id);
  const bool local = from == From::kHere;
  if (!local) count(cpu, VmEvent::kNrTlbRemoteFlushReceived);
  TlbMm& mm = *cpu.loaded;
  if (&mm == kernel_) return;
  if (cpu.lazy) return switch_on(id, *kernel_);
  if (flush.mm != nullptr && flush.mm != &mm) return;
  const std::uint64_t wanted = mm.generation();
  Slot& own = slot(cpu);
  if (own.generation == wanted) return;
  // By pages only where this flush is all that there is to catch up on.
  if (!flush.whole && flush.mm != nullptr && flush.generation == own.generation + 1 &&
      flush.generation == wanted) {
    const Bytes stride{std::uint64_t{1} << flush.stride_shift};
    for (VirtAddr page = flush.range.start; page < flush.range.end; page += stride) {
      hardware_->flush_page(id, page);
      if (local) count(cpu, VmEvent::kNrTlbLocalFlushOne);
    }
  } else {
    hardware_->flush_loaded(id);
    if (local) count(cpu, VmEvent::kNrTlbLocalFlushAll);
  }
  own.generation = wanted;
}

// Batches -----------------------------------------------------------------------------------------

void Tlb::add(TlbBatch& batch, TlbMm& mm) {
  if (!active()) return;
  if (!batch.pending()) {
    open_.fetch_add(1);
    batch.ticket_ = tickets_.fetch_add(1) + 1;
  }
  mm.set_batched({batch.ticket_, mm.next_generation()});
  batch.cpus_.add(mm.cpus());
}

void Tlb::flush(TlbBatch& batch) {
  if (!batch.pending()) return;
  flush_cpus(batch.cpus_, {.what = TlbFlush::What::kBatch});
  batch.cpus_.clear_all();
  batch.ticket_ = 0;
  const std::uint64_t given = tickets_.load();
  if (open_.fetch_sub(1) == 1) closed_.store(given);
}

void Tlb::flush_batched(TlbMm& mm) {
  const TlbMm::Batched batched = mm.batched();
  if (!active() || batched.ticket <= closed_.load()) return;
  flush_mm(mm);
  mm.forget_batched(batched);
}

// Asked by checks ---------------------------------------------------------------------------------

Tlb::Loaded Tlb::loaded(CpuId id) const {
  Cpu& cpu = at(id);
  return {cpu.loaded, slot(cpu).generation, cpu.lazy};
}

bool Tlb::flush_pending(CpuId id) const {
  const Loaded now = loaded(id);
  if (now.mm->gathering()) return true;
  const TlbMm::Batched batched = now.mm->batched();
  return now.generation < batched.generation && batched.ticket > closed_.load();
}

}  // namespace quire
