#include "kmap/local_kmap.hpp"

namespace quire {

Result<void> LocalKmap::init(Arena& arena, unsigned cpus) {
  const auto last = static_cast<std::uint32_t>(FixedSlot::kKmap) + cpus * kDepth - 1;
  if (!parts_.fixmap.has(FixedSlot{last})) return Errno::kNoSpace;  // more than kMaxCpus32
  QUIRE_TRY_ASSIGN(stacks, arena.make_array<Stack>(cpus));
  stacks_ = stacks;
  return {};
}

Result<VirtAddr> LocalKmap::map(PageIndex page) {
  const CpuId cpu = Arch::current()->cpu;
  Stack& stack = stacks_[index_of(cpu)];
  if (stack.depth == kDepth) return Errno::kNoSpace;
  const VirtAddr address = address_of(cpu, stack.depth++);
  parts_.tables.store(parts_.tables.find_slot(address),
                      parts_.tables.format().leaf_entry(
                          PageLevel::kPte, parts_.map.pfn_of(page), Prot::kKernel));
  return address;
}

Result<void> LocalKmap::unmap(VirtAddr address) {
  const CpuId cpu = Arch::current()->cpu;
  Stack& stack = stacks_[index_of(cpu)];
  const VirtAddr page = address.align_down(kPageSize);
  if (stack.depth == 0 || page != address_of(cpu, stack.depth - 1)) return Errno::kInvalid;
  --stack.depth;
  parts_.tables.store(parts_.tables.find_slot(page), {});
  parts_.tlb.flush_kernel_page_here(page);
  return {};
}

Result<void> LocalKmap::audit(Text& report) const {
  for (std::uint16_t cpu = 0; cpu < stacks_.size(); ++cpu) {
    for (std::uint32_t depth = 0; depth < kDepth; ++depth) {
      const bool taken = depth < stacks_[cpu].depth;
      if (parts_.tables.walk(address_of(CpuId{cpu}, depth)).has_value() == taken) continue;
      report.str("kmap: temporary window ").dec(depth).str(" of CPU ").dec(cpu)
          .str(taken ? " is taken and maps nothing" : " maps a page without being taken").nl();
      return Errno::kFault;
    }
  }
  return {};
}

}  // namespace quire
