#include "machine/machine.hpp"

namespace quire {
namespace {

// The sections that get a place in the memory map: under SPARSEMEM those with RAM, under
// DISCONTIGMEM every one that a node spans, under FLATMEM every one up to the end of RAM.
template <class Visit>
Result<void> for_each_mapped_span(MemoryModel model, const Layout& layout, Visit visit) {
  if (model == MemoryModel::kSparse) {
    for (const NodeRange& ram : layout.ranges) QUIRE_TRY(visit(ram.range));
  } else if (model == MemoryModel::kDiscontig) {
    for (const NodeLayout& node : layout.nodes)
      if (!node.span.empty()) QUIRE_TRY(visit(node.span));
  } else {
    QUIRE_TRY(visit(PfnRange{layout.ranges.front().range.start, layout.ranges.back().range.end}));
  }
  return {};
}

// "1", "y", "on" and their opposites, as the kernel reads switches; else `otherwise`.
bool switched(const CommandLine& options, std::string_view name, bool otherwise) {
  const std::string_view value = options.value_or(name, "");
  if (value == "1" || value == "on" || value == "y" || value == "Y") return true;
  if (value == "0" || value == "off" || value == "n" || value == "N") return false;
  return otherwise;
}

// The profile's switches as the command line has them.
KernelProfile switched_profile(const MachineSpec& spec, const CommandLine& options) {
  KernelProfile profile = spec.profile;
  profile.init_on_alloc = switched(options, "init_on_alloc", profile.init_on_alloc);
  profile.init_on_free = switched(options, "init_on_free", profile.init_on_free);
  profile.page_poisoning = switched(options, "page_poison", profile.page_poisoning);
  profile.page_owner = switched(options, "page_owner", profile.page_owner);
  return profile;
}

// The highest zone that memory policies apply to: of what is there, the last before Movable.
ZoneType policy_zone(const Nodes& nodes) {
  ZoneType highest = ZoneType::kDma;
  nodes.for_each_populated([&](const Zone& zone) {
    if (zone.type != ZoneType::kMovable) highest = max_of(highest, zone.type);
  });
  return highest;
}

void name_idle_task(Task& task, unsigned cpu) {
  char storage[16];
  BufferSink name(storage, sizeof storage);
  Text(name).str("swapper/").dec(cpu);
  task.set_name(name.text());
}

std::uint32_t number(SectionId section) { return static_cast<std::uint32_t>(section); }

}  // namespace

Result<void> Machine::boot(const MachineSpec& spec) {
  // Whatever CPU the caller may be on, it is none of this machine's, or of one that is gone.
  const OnCpu outside(nullptr);
  QUIRE_TRY_ASSIGN(plan, BootPlan::make(spec, arena_, host_));
  plan_ = plan;
  keep_content_ = spec.profile.frame_content;
  vma_locks_ = spec.profile.vma_locks;
  QUIRE_TRY(make_memory_map(spec));
  QUIRE_TRY(map_frames());
  QUIRE_TRY(make_page_tables(spec.arch));
  QUIRE_TRY(nodes_.init(arena_, spec.arch, plan->numa(), plan->layout()));
  QUIRE_TRY(bring_up_cpus(spec.tlb));
  // Before the allocator, which asks it once.
  QUIRE_TRY(debug_.init(switched_profile(spec, plan->command_line()), spec.arch, arena_));
  pages_.emplace(PageAllocator::Parts{host_, map_, nodes_, tunables_, debug_, helpers_});
  kernel_tables_->attach(*pages_);
  QUIRE_TRY(percpu_frames_.emplace(*pages_, nodes_).init(arena_));
  nodes_.percpu_areas().set_pages(*percpu_frames_);

  const OnCpu boot_cpu(cpus_.front());
  QUIRE_TRY(make_zonelists());
  release_free_pages();
  size_reserves();
  QUIRE_TRY(make_slab_caches(spec));
  QUIRE_TRY(make_vmalloc(spec));
  open_proc(spec);
  release_late_pages();
  QUIRE_TRY(kernel_tables_->protect_image(plan->kernel_image(), spec.kernel_image));
  // That took pages for tables: the machine starts with nothing in its sets all the same.
  pages_->drain_cpu(cpus_.front().cpu);
  sysctls_->size_reserves();
  apply_command_line();
  return apply_sysctls(spec.sysctl);
}

Result<ProcessFloor*> Machine::processes() {
  if (process_floor_.has_value()) return &*process_floor_;
  process_floor_.emplace(ProcessFloor::Parts{host_, map_, nodes_, *pages_, *kernel_tables_, *mmu_,
                                             *slabs_, *kmalloc_, *sysctls_, figures_,
                                             keep_content_, vma_locks_});
  if (const auto started = process_floor_->start(arena_); !started.has_value()) {
    process_floor_.reset();
    return started.error();
  }
  proc_sources_->processes = &process_floor_->processes();
  return &*process_floor_;
}

Result<void> Machine::make_memory_map(const MachineSpec& spec) {
  const Layout& layout = plan_->layout();
  std::uint32_t sections = 0;
  QUIRE_TRY(for_each_mapped_span(spec.memory_model, layout, [&](PfnRange span) -> Result<void> {
    sections += number(section_of(span.end - PageCount{1})) - number(section_of(span.start)) + 1;
    return {};
  }));
  QUIRE_TRY(map_.init(arena_, sections + Hotplug::room(spec)));
  return for_each_mapped_span(spec.memory_model, layout, [&](PfnRange span) -> Result<void> {
    const std::uint32_t last = number(section_of(span.end - PageCount{1}));
    for (std::uint32_t s = number(section_of(span.start)); s <= last; ++s)
      if (!map_.has_section(SectionId{s})) QUIRE_TRY(map_.add_section(SectionId{s}));
    return {};
  });
}

// Frames are mapped in whole sections, since ranges may share one.
Result<void> Machine::map_frames() {
  QUIRE_TRY_ASSIGN(window, host_.reserve_frames(map_.capacity()));
  map_.set_frames(window);
  Pfn next{0};
  for (const NodeRange& ram : plan_->layout().ranges) {
    const Pfn end = start_of(section_of(ram.range.end - PageCount{1})) + kSectionPages;
    next = max_of(next, start_of(section_of(ram.range.start)));
    while (next < end) {
      const PageIndex first = map_.index_of(*map_.page_of(next));
      const PageCount count{map_.contiguous_from(first, (end - next).raw())};
      QUIRE_TRY(host_.map_frames(map_.frames().content(first), {next, next + count}, ram.node));
      next += count;
    }
  }
  return {};
}

Result<void> Machine::make_page_tables(ArchProfile arch) {
  const RamEnds ends{plan_->max_pfn(), pfn_down(plan_->direct_map().end)};
  figures_.gib_pages = plan_->direct_map().gib_pages;
  kernel_tables_.emplace(make_address_space(arch, ends), map_, figures_.direct_map);
  return kernel_tables_->boot(*plan_);
}

Result<void> Machine::bring_up_cpus(const TlbSpec& tlb) {
  QUIRE_TRY_ASSIGN(cpus, arena_.make_array<CpuContext>(nodes_.cpu_count()));
  cpus_ = cpus;
  for (unsigned i = 0; i < nodes_.cpu_count(); ++i) {
    const CpuId id{static_cast<std::uint16_t>(i)};
    CpuContext& cpu = cpus_[i];
    cpu.percpu = nodes_.percpu_area(id);
    cpu.task = &cpu.idle_task;
    name_idle_task(cpu.idle_task, i);
    cpu.host = &host_;
    cpu.cpu = id;
    cpu.node = nodes_.node_of(id);
    cpu.machine = this;
  }
  mmu_.emplace(Mmu::Parts{host_, map_, *kernel_tables_});
  return mmu_->init(arena_, cpus_, tlb);
}

Result<void> Machine::make_zonelists() {
  QUIRE_TRY(reserve_zonelists(nodes_, arena_));
  build_zonelists(nodes_, plan_->numa());
  QUIRE_TRY(pages_->reserve_routes(arena_));
  pages_->build_routes();
  for (const Node& node : nodes_.all()) {
    if (!node.possible) continue;
    LogLine line(host_);
    line->str("Fallback order for Node ").dec(index_of(node.id)).str(": ");
    for (std::size_t i = 0; i < node.fallback_length; ++i)
      line->dec(index_of(node.fallback_order[i])).ch(' ');
  }
  std::uint64_t total = 0;
  for (const NodeLayout& node : plan_->layout().nodes)
    for (const ZoneLayout& zone : node.zones) total += zone.first_guess.raw();
  // One pageblock a migrate type is the least that grouping makes sense with.
  constexpr unsigned kTypesInUse = 5;
  pages_->mobility().set_grouping_disabled(total < kPageblockPages.raw() * kTypesInUse);
  LogLine(host_)->str("Built ").dec(nodes_.online_count())
      .str(" zonelists, mobility grouping ")
      .str(pages_->mobility().grouping_disabled() ? "off" : "on").str(".  Total pages: ")
      .dec(total);
  LogLine(host_)->str("Policy zone: ").str(name_of(policy_zone(nodes_)));
  return {};
}

// Spans of nodes may interleave, so a range goes to the zones of its own node.
void Machine::release(PfnRange pages, NodeId node) {
  for (Zone& zone : nodes_.node(node).zones) {
    const PfnRange part = pages.intersect(zone.span);
    if (!part.empty()) pages_->release(zone, part);
  }
}

void Machine::release_free_pages() {
  plan_->for_each_free_pages([&](PfnRange pages, NodeId node) { release(pages, node); });
}

// Everything that follows from how many pages there are to manage by now.
void Machine::size_reserves() {
  calculate_min_free(nodes_, tunables_);
  setup_watermarks(nodes_, tunables_);
  refresh_stat_thresholds(nodes_);
  setup_lowmem_reserve(nodes_, tunables_);
}

Result<void> Machine::make_slab_caches(const MachineSpec& spec) {
  const CommandLine& options = plan_->command_line();
  SlabSettings settings;
  settings.sizing = slab_sizing(options, nodes_.cpu_count());
  settings.debug = SlubDebugOption(options, host_);
  settings.sizing.debug_may_grow = settings.debug.may_grow();
  settings.merge = slab_merge(options);
  const SlabSizing& sizing = settings.sizing;
  LogLine(host_)->str("SLUB: HWalign=").dec(kCacheLine).str(", Order=").dec(sizing.min_order.raw())
      .ch('-').dec(sizing.max_order.raw()).str(", MinObjects=").dec(sizing.min_objects)
      .str(", CPUs=").dec(sizing.cpus).str(", Nodes=").dec(nodes_.all().size());
  slabs_.emplace(SlabParts{host_, map_, nodes_, *pages_, switched_profile(spec, options),
                           bug_reports_},
                 settings);
  bug_reports_.init(spec.profile.panic_on_warn);
  kmalloc_.emplace(*slabs_);
  return kmalloc_->init();
}

Result<void> Machine::make_vmalloc(const MachineSpec& spec) {
  QUIRE_TRY_ASSIGN(records, slabs_->create({.name = "vmap_area",
                                            .shape = {.size = sizeof(VmapArea)}}));
  vmalloc_.emplace(VmallocSpace::Parts{host_, map_, nodes_, *pages_, kernel_tables_->tables(),
                                       kernel_tables_->space(), *records, *kmalloc_,
                                       spec.profile.panic_on_warn});
  kmalloc_->use(scattered_.emplace(*vmalloc_));
  stacks_.emplace(Stacks::Parts{map_, nodes_, *pages_, *vmalloc_});
  return stacks_->init(nodes_.percpu_areas());
}

void Machine::open_proc(const MachineSpec& spec) {
  figures_.percpu = pages_to_hold(FirstChunk::kUsed) * nodes_.cpu_count();
  sysctls_.emplace(nodes_, tunables_);
  knobs_.emplace(*sysctls_);
  knobs_->start(nodes_, plan_->command_line());
  proc_sources_.emplace(ProcSources{.nodes = nodes_,
                                    .map = map_,
                                    .plan = *plan_,
                                    .sysctls = *sysctls_,
                                    .knobs = *knobs_,
                                    .figures = figures_,
                                    .memory_model = spec.memory_model,
                                    .owners = debug_.owners().on() ? &debug_.owners() : nullptr,
                                    .vmalloc = &*vmalloc_,
                                    .debug_tlbflush = spec.profile.debug_tlbflush});
  const PageCount block = whole_pages(memory_block_size(*proc_sources_));
  hotplug_.emplace(Hotplug::Parts{host_, map_, nodes_, *plan_, *pages_, *sysctls_, *knobs_,
                                  *kernel_tables_, *slabs_, block});
  proc_sources_->hotplug = &*hotplug_;
  proc_sources_->slabs = &*slabs_;
}

// sysctl.vm.swappiness=10: written when the boot is over; what is refused is told and passed over.
void Machine::apply_command_line() {
  plan_->command_line().for_each([&](const CommandLine::Option& option) {
    constexpr std::string_view kPrefix = "sysctl.";
    if (!option.name.starts_with(kPrefix)) return;
    const std::string_view name = option.name.substr(kPrefix.size());
    if (const auto taken = proc().set(name, option.value); !taken.has_value()) {
      LogLine(host_)->str("Failed to set sysctl parameter '").str(name).ch('=').str(option.value)
          .str("': ").str(name_of(taken.error()));
    }
  });
}

Result<void> Machine::apply_sysctls(std::span<const SysctlSetting> settings) {
  for (const SysctlSetting& setting : settings) {
    if (const auto taken = proc().set(setting.name, setting.value); !taken.has_value()) {
      LogLine(host_)->str("sysctl: ").str(setting.name).str(" = \"").str(setting.value)
          .str("\": ").str(name_of(taken.error()));
      return taken.error();
    }
  }
  return {};
}

// Init sections and the initrd come free when everything has been sized.
void Machine::release_late_pages() {
  for (const LateFreed& late : plan_->late_freed()) {
    LogLine(host_)->str("Freeing ").str(late.name.empty() ? "unused kernel image" : late.name)
        .str(" memory: ")
        .dec(in_kib(late.range.length())).ch('K');
    for (const MemblockRegion& region : plan_->memblock().memory().regions()) {
      const PfnRange ram{pfn_up(region.base), pfn_down(region.end())};
      release(late.range.intersect(ram), region.node);
    }
    if (!plan_->free_late(late.range)) QUIRE_PANIC("a late range was not reserved");
  }
}

}  // namespace quire
