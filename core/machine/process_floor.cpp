#include "machine/process_floor.hpp"

namespace quire {

Overcommit SysctlRules::overcommit() const {
  return static_cast<Overcommit>(sysctls_.get(Sysctl::kOvercommitMemory));
}

PageCount SysctlRules::commit_limit() const {
  return quire::commit_limit(nodes_, sysctls_, figures_.swap_total);
}

PageCount SysctlRules::admin_reserve() const { return in_pages(Sysctl::kAdminReserveKbytes); }
PageCount SysctlRules::user_reserve() const { return in_pages(Sysctl::kUserReserveKbytes); }

PageCount SysctlRules::ram_and_swap() const {
  return PageCount{nodes_.managed_pages()} + figures_.swap_total;
}

std::uint32_t SysctlRules::max_map_count() const {
  return static_cast<std::uint32_t>(sysctls_.get(Sysctl::kMaxMapCount));
}

VirtAddr SysctlRules::mmap_min_addr() const {
  return VirtAddr{static_cast<std::uint64_t>(sysctls_.get(Sysctl::kMmapMinAddr))};
}

LayoutRules SysctlRules::layout() const {
  const bool wide = nodes_.arch() != ArchProfile::kX86_32;
  const auto bits = sysctls_.get(wide ? Sysctl::kMmapRndBits : Sysctl::kMmapRndBitsOf32);
  return {.randomize_va_space = sysctls_.get(Sysctl::kRandomizeVaSpace),
          .mmap_rnd_bits = static_cast<unsigned>(bits),
          .legacy = sysctls_.get(Sysctl::kLegacyVaLayout) != 0};
}

PageCount SysctlRules::in_pages(Sysctl kib_value) const {
  return whole_pages(kib(static_cast<std::uint64_t>(sysctls_.get(kib_value))));
}

DirtyIntervals SysctlDirtyPolicy::intervals() {
  constexpr std::uint64_t kCentisecond = 10'000'000;
  const auto interval = [&](Sysctl sysctl) {  // Linux's type of both is an unsigned int
    return static_cast<std::uint32_t>(sysctls_.get(sysctl)) * kCentisecond;
  };
  return {interval(Sysctl::kDirtyWritebackCentisecs), interval(Sysctl::kDirtyExpireCentisecs)};
}

void SysctlDirtyPolicy::written(Sysctl sysctl, std::int64_t old) {
  constexpr std::int64_t kPageCache = 1;
  const std::int64_t now = sysctls_.get(sysctl);
  if (sysctl == Sysctl::kDropCaches && (now & kPageCache) != 0) cache_->drop_caches();
  if (sysctl == Sysctl::kDirtyWritebackCentisecs && now != old) flusher_->wake();
}

ProcessFloor::ProcessFloor(const Parts& parts)
    : parts_(parts),
      lru_({parts.map, parts.nodes, parts.pages}),
      rules_(parts.nodes, parts.sysctls, parts.figures),
      dirty_(parts.nodes, parts.sysctls),
      cache_({parts.map, parts.nodes, parts.pages, lru_, dirty_}),
      flusher_(cache_, dirty_) {}

Result<void> ProcessFloor::start(Arena& arena) {
  QUIRE_TRY(lru_.init(arena));
  dirty_.serve(cache_, flusher_);
  QUIRE_TRY_ASSIGN(file_nodes, PageCache::make_node_cache(parts_.slabs));
  file_nodes_ = file_nodes;
  QUIRE_TRY_ASSIGN(mms, cache("mm_struct", Mm::bytes_of(parts_.nodes)));
  QUIRE_TRY_ASSIGN(vmas, cache("vm_area_struct", sizeof(Vma)));
  QUIRE_TRY_ASSIGN(vma_nodes, parts_.slabs.create(VmaTree::node_cache()));
  QUIRE_TRY_ASSIGN(anon_vmas, cache("anon_vma", sizeof(AnonVma)));
  QUIRE_TRY_ASSIGN(chains, cache("anon_vma_chain", sizeof(AnonVmaChain)));
  QUIRE_TRY_ASSIGN(tasks, cache("task_struct", sizeof(Process)));
  Page* const zeros = parts_.pages.allocate(Gfp::kKernel | Gfp::kZero, Order{0});
  if (zeros == nullptr) return Errno::kNoMemory;
  anon_vmas_.emplace(*anon_vmas, *chains);
  faults_.emplace(*anon_vmas_);
  mm_parts_.emplace(MmParts{parts_.host, parts_.map, parts_.nodes, parts_.pages, parts_.kernel,
                            parts_.mmu.tlb(), lru_, cache_, rules_, parts_.figures.committed,
                            last_shmem_inode_,
                            *mms, *vmas, *vma_nodes, *file_nodes_, parts_.kmalloc,
                            parts_.map.pfn_of(*zeros), parts_.keep_content,
                            parts_.vma_locks});
  processes_.emplace(Processes::Parts{*mm_parts_, *anon_vmas_, *tasks});
  memory_.emplace(UserMemory::Parts{*faults_, parts_.mmu.walker(), parts_.mmu.model()});
  parts_.sysctls.set_listener(&dirty_);
  return {};
}

Result<KmemCache*> ProcessFloor::cache(std::string_view name, std::uint32_t size) {
  return parts_.slabs.create({.name = name, .shape = {.size = size}});
}

}  // namespace quire
