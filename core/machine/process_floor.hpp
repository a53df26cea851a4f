// What processes are made of, in one place: the lists of pages in use, reverse mapping, faults, the
// table of processes, and their rules, which follow from the machine's tunables.
//
// Ownership  Machine's, once start_processes() was called; everything it names outlives it.
// Locking    start() while one CPU runs.
// Errors     start(): kNoMemory, or kExists where a cache of one of its names is there.
#pragma once

#include <optional>

#include "base/base.hpp"
#include "host/host.hpp"
#include "lru/lru.hpp"
#include "machine/mmu.hpp"
#include "mm/mm.hpp"
#include "procfs/procfs.hpp"
#include "slab/slab.hpp"
#include "vma/vma.hpp"

namespace quire {

// Overcommit and limits as the sysctls have them.
class SysctlRules final : public VmRules {
 public:
  SysctlRules(const Nodes& nodes, const Sysctls& sysctls, const MemoryFigures& figures)
      : nodes_(nodes), sysctls_(sysctls), figures_(figures) {}

  [[nodiscard]] Overcommit overcommit() const override;
  [[nodiscard]] PageCount commit_limit() const override;
  [[nodiscard]] PageCount admin_reserve() const override;
  [[nodiscard]] PageCount user_reserve() const override;
  [[nodiscard]] PageCount ram_and_swap() const override;
  [[nodiscard]] std::uint32_t max_map_count() const override;
  [[nodiscard]] VirtAddr mmap_min_addr() const override;
  [[nodiscard]] LayoutRules layout() const override;

 private:
  [[nodiscard]] PageCount in_pages(Sysctl kib) const;

  const Nodes& nodes_;
  const Sysctls& sysctls_;
  const MemoryFigures& figures_;
};

// How much may be dirty and for how long, as the sysctls have it; what is done when they change.
class SysctlDirtyPolicy final : public DirtyPolicy, public SysctlListener {
 public:
  SysctlDirtyPolicy(const Nodes& nodes, const Sysctls& sysctls)
      : nodes_(nodes), sysctls_(sysctls) {}
  void serve(PageCache& cache, Flusher& flusher) { cache_ = &cache, flusher_ = &flusher; }

  DirtyLimits limits() override { return dirty_limits(nodes_, sysctls_); }
  DirtyIntervals intervals() override;
  void wake_flusher() override { flusher_->wake(); }
  void written(Sysctl sysctl, std::int64_t old) override;

 private:
  const Nodes& nodes_;
  const Sysctls& sysctls_;
  PageCache* cache_ = nullptr;
  Flusher* flusher_ = nullptr;
};

class ProcessFloor {
 public:
  struct Parts {
    Host& host;
    MemoryMap& map;
    Nodes& nodes;
    PageAllocator& pages;
    KernelTables& kernel;
    Mmu& mmu;
    SlabCaches& slabs;
    Kmalloc& kmalloc;
    Sysctls& sysctls;
    MemoryFigures& figures;
    bool keep_content;
    bool vma_locks;
  };
  explicit ProcessFloor(const Parts& parts);
  ProcessFloor(const ProcessFloor&) = delete;
  ProcessFloor& operator=(const ProcessFloor&) = delete;

  Result<void> start(Arena& arena);

  [[nodiscard]] Lru& lru() { return lru_; }
  [[nodiscard]] PageCache& cache() { return cache_; }
  // For the host to run; without it writers write all themselves.
  [[nodiscard]] Flusher& flusher() { return flusher_; }
  // What Mappings are made with.
  [[nodiscard]] KmemCache& file_nodes() { return *file_nodes_; }
  // What address spaces and files in memory are made with.
  [[nodiscard]] const MmParts& parts() const { return *mm_parts_; }
  [[nodiscard]] Processes& processes() { return *processes_; }
  [[nodiscard]] UserMemory& memory() { return *memory_; }
  [[nodiscard]] AnonVmas& anon_vmas() { return *anon_vmas_; }
  [[nodiscard]] Faults& faults() { return *faults_; }
  // Calls of `process` on its memory (mm/calls.hpp).
  [[nodiscard]] Caller caller(Process& process) {
    return {*process.mm, *anon_vmas_, *faults_, process.minor_faults};
  }

 private:
  Result<KmemCache*> cache(std::string_view name, std::uint32_t size);

  const Parts parts_;
  Lru lru_;
  SysctlRules rules_;
  SysctlDirtyPolicy dirty_;
  PageCache cache_;
  Flusher flusher_;
  KmemCache* file_nodes_ = nullptr;
  std::atomic<std::uint64_t> last_shmem_inode_ = 1;  // the folder's, which nobody sees
  std::optional<AnonVmas> anon_vmas_;
  std::optional<Faults> faults_;
  std::optional<MmParts> mm_parts_;
  std::optional<Processes> processes_;
  std::optional<UserMemory> memory_;
};

}  // namespace quire
