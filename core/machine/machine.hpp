// A booted machine: the composition root. It owns every part, hands each part references to just
// what it needs, and is the only place that knows them all. Any number of machines live side by
// side in one process.
//
// Ownership  The host outlives the machine; tables come from the host and go with it. The machine
//            does not move.
// Locking    boot() runs on one thread. Afterwards callers run on a CPU of the machine: they set
//            Arch::current() to its context for as long as they are there (a host's attach).
// Errors     boot(): what BootPlan and the tables report, with the reason in the host's log.
#pragma once

#include <optional>
#include <span>

#include "base/base.hpp"
#include "boot/boot.hpp"
#include "host/host.hpp"
#include "machine/hotplug.hpp"
#include "machine/mmu.hpp"
#include "machine/process_floor.hpp"
#include "memmap/memmap.hpp"
#include "page_alloc/page_alloc.hpp"
#include "pagetable/pagetable.hpp"
#include "percpu/percpu.hpp"
#include "procfs/procfs.hpp"
#include "slab/slab.hpp"
#include "stack/stack.hpp"
#include "vmalloc/vmalloc.hpp"
#include "zone/zone.hpp"

namespace quire {

class Machine {
 public:
  explicit Machine(Host& host) : host_(host), arena_(host), debug_(host, map_) {}
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // From the firmware's map to free pages: the boot story, told once, top to bottom.
  Result<void> boot(const MachineSpec& spec);

  // One context a CPU; whoever runs on the CPU owns it.
  [[nodiscard]] std::span<CpuContext> cpus() const { return cpus_; }
  [[nodiscard]] PageAllocator& pages() { return *pages_; }
  [[nodiscard]] SlabCaches& slabs() { return *slabs_; }
  [[nodiscard]] Kmalloc& kmalloc() { return *kmalloc_; }
  [[nodiscard]] MemoryMap& map() { return map_; }
  [[nodiscard]] Nodes& nodes() { return nodes_; }
  [[nodiscard]] PercpuArea& percpu() { return nodes_.percpu_areas(); }
  [[nodiscard]] const BootPlan& plan() const { return *plan_; }
  [[nodiscard]] Tunables& tunables() { return tunables_; }
  [[nodiscard]] Host& host() const { return host_; }
  // The kernel's own page tables and address space.
  [[nodiscard]] KernelTables& kernel_tables() { return *kernel_tables_; }
  // Translation caches and windows onto high memory.
  [[nodiscard]] Mmu& mmu() { return *mmu_; }
  // Ranges of kernel addresses over scattered pages, and stacks made of them.
  [[nodiscard]] VmallocSpace& vmalloc() { return *vmalloc_; }
  [[nodiscard]] Stacks& stacks() { return *stacks_; }
  // Memory that comes and goes.
  [[nodiscard]] Hotplug& hotplug() { return *hotplug_; }
  // Processes and what they live in: made by the first call, before any other CPU makes one.
  // Errors: kNoMemory.
  Result<ProcessFloor*> processes();
  // Whose kill_for() is asked when no page can be had. Null, as at first: nobody's.
  void set_oom_killer(AllocHelpers* killer) { helpers_.killer = killer; }
  // Every /proc and /sys file, to read and to write.
  [[nodiscard]] ProcTree proc() const { return ProcTree(*proc_sources_); }

  // Walks everything while nobody uses the machine. kFault: its books do not balance, and the
  // first thing that is wrong is in `report` (machine/audit.hpp says what is looked at).
  Result<void> audit(TextSink& report);

 private:
  Result<void> make_memory_map(const MachineSpec& spec);
  Result<void> map_frames();
  Result<void> make_page_tables(ArchProfile arch);
  Result<void> bring_up_cpus(const TlbSpec& tlb);
  Result<void> make_zonelists();
  void release_free_pages();
  void size_reserves();
  void open_proc(const MachineSpec& spec);
  Result<void> make_slab_caches(const MachineSpec& spec);
  Result<void> make_vmalloc(const MachineSpec& spec);
  void release_late_pages();
  void apply_command_line();
  Result<void> apply_sysctls(std::span<const SysctlSetting> settings);
  void release(PfnRange pages, NodeId node);

  Host& host_;
  Arena arena_;
  BootPlan* plan_ = nullptr;
  MemoryMap map_;
  Nodes nodes_;
  Tunables tunables_;
  std::span<CpuContext> cpus_;
  // Until reclaim, compaction and OOM exist.
  struct Helpers final : AllocHelpers {
    bool kill_for(const AllocRequest& request) override {
      return killer != nullptr && killer->kill_for(request);
    }
    AllocHelpers* killer = nullptr;
  } helpers_;
  PageDebug debug_;
  std::optional<PageAllocator> pages_;
  std::optional<PercpuFrames> percpu_frames_;
  BugReports bug_reports_{host_, map_, nodes_};
  std::optional<SlabCaches> slabs_;
  std::optional<Kmalloc> kmalloc_;
  std::optional<Sysctls> sysctls_;
  std::optional<Knobs> knobs_;
  MemoryFigures figures_;
  std::optional<KernelTables> kernel_tables_;
  std::optional<Mmu> mmu_;
  std::optional<VmallocSpace> vmalloc_;
  std::optional<ScatteredMemory> scattered_;
  std::optional<Stacks> stacks_;
  std::optional<Hotplug> hotplug_;
  std::optional<ProcSources> proc_sources_;
  bool keep_content_ = false;
  bool vma_locks_ = false;
  std::optional<ProcessFloor> process_floor_;
};

// Runs its scope on a CPU of a machine, and puts the caller back where it was.
class OnCpu {
 public:
  explicit OnCpu(CpuContext& context) : OnCpu(&context) {}
  // On none.
  explicit OnCpu(std::nullptr_t) : OnCpu(static_cast<CpuContext*>(nullptr)) {}
  ~OnCpu() { Arch::set_current(previous_); }
  OnCpu(const OnCpu&) = delete;
  OnCpu& operator=(const OnCpu&) = delete;

 private:
  explicit OnCpu(CpuContext* context) : previous_(Arch::current()) { Arch::set_current(context); }

  CpuContext* previous_;
};

}  // namespace quire
