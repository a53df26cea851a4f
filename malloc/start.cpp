// How the heap gets its machine: with the first allocation of the process.
#include <unistd.h>

#include "malloc/early.hpp"
#include "malloc/heap.hpp"
#include "malloc/hot_path.hpp"

namespace quire::preload {
namespace {

constexpr Bytes kLeastRam = mib(256);
constexpr PhysAddr kRamStart{gib(4).raw()};  // all of it is one Normal zone

// What a CPU keeps of one class, and what the node does beside.
constexpr std::uint32_t kSheafBytes = 32 * 1024;
constexpr std::uint32_t kBarnBytes = 1024 * 1024;
constexpr std::uint32_t kLeastObjects = 5;
constexpr std::uint32_t kMostObjects = 253;

CacheTuning tuning_of(const SizeClass& of, PercpuOffset slab) {
  const std::uint32_t wanted = clamp_to(kSheafBytes / of.size, kLeastObjects, kMostObjects);
  // With its header a sheaf fills a power of two.
  const std::uint32_t capacity = (1u << (fls(wanted + 3) - 1)) - 3;
  const std::uint32_t sheaves = max_of(kBarnBytes / (capacity * of.size), 1u);
  return {.sheaf_capacity = capacity,
          .full_sheaves = sheaves,
          .empty_sheaves = sheaves,
          .min_partial = 1,
          .sizing = SlabSizing{.min_objects = 1,
                               .min_order = Order{of.order},
                               .max_order = Order{of.order}},
          .cpu_slab = slab};
}

// Room for what the real machine has; a process may not be let have it all.
Bytes ram_to_ask_for() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const Bytes section = size_of(kSectionPages);
  const Bytes wanted = max_of(size_of(PageCount{pages}), kLeastRam);
  return section * ((wanted.raw() + section.raw() - 1) / section.raw());
}

}  // namespace

constinit std::array<std::uint16_t, kTableSlots> slab_of{};
constinit std::byte* frames = nullptr;
constinit std::uint64_t frame_bytes = 0;
constinit Page* frame_pages = nullptr;

// False while the process has no environment yet, while this thread is starting the heap, and
// when it cannot be had.
bool Heap::start() {
  if (state_.load(std::memory_order_acquire) == State::kFailed || environ == nullptr) return false;
  static constinit thread_local bool is_starting = false;
  if (is_starting) return false;
  is_starting = true;
  start_mutex_.lock();
  if (state_.load(std::memory_order_acquire) == State::kNew)
    state_.store(boot() ? State::kRunning : State::kFailed, std::memory_order_release);
  start_mutex_.unlock();
  is_starting = false;
  return started();
}

bool Heap::boot() {
  settings_ = Settings::from_environment();
  Bytes ram = ram_to_ask_for();
  while (!boot_with(ram)) {
    ram = Bytes{ram.raw() / 2};
    if (ram < kLeastRam) return false;
  }
  host_.boot_is_over();
  threads.start(host_, machine_->cpus(), empty_cpu);
  const OnCpu boot_cpu(machine_->cpus().front());
  if (!make_caches().has_value()) return false;
  fill_hot_path();
  return true;
}

bool Heap::boot_with(Bytes ram) {
  const FirmwareRange map[] = {{{kRamStart, kRamStart + ram}}};
  std::array<NodeId, Threads::kCpus> cpu_nodes{};
  MachineSpec spec;
  spec.firmware_map = map;
  spec.cpu_nodes = cpu_nodes;
  spec.profile.init_on_alloc = false;
  Machine& machine = machine_.make(host_);
  return machine.boot(spec).has_value();
}

Result<void> Heap::make_caches() {
  zone_ = &machine_->nodes().node(NodeId{0}).zones[index_of(ZoneType::kNormal)];
  PercpuArea& areas = machine_->nodes().percpu_areas();
  QUIRE_TRY_ASSIGN(first, areas.allocate(Bytes{kClasses * sizeof(CpuSlab)},
                                         Bytes{alignof(CpuSlab)}));
  if (raw(first) + kClasses * sizeof(CpuSlab) > kLookedAt) return Errno::kNoSpace;
  for (std::size_t i = 0; i < kClasses; ++i) {
    const SizeClass& of = kSizeClasses[i];
    const PercpuOffset slab{raw(first) + static_cast<std::uint32_t>(i * sizeof(CpuSlab))};
    const char digits[] = {static_cast<char>('a' + i / 26), static_cast<char>('a' + i % 26)};
    const CacheSpec spec{.name = {digits, sizeof(digits)},
                         .shape = {.size = of.size, .align = 8, .flags = SlabFlags::kNoMerge},
                         .tuning = tuning_of(of, slab)};
    QUIRE_TRY_ASSIGN(cache, machine_->slabs().create(spec));
    caches_[i] = cache;
  }
  page_blocks_.make(machine_->pages(), first);
  trimmer_.make(*machine_);
  return {};
}

void Heap::fill_hot_path() {
  const FrameWindow window = machine_->map().frames();
  frame_pages = &machine_->map().at(PageIndex::kNone);
  frames = window.base();
  frame_bytes = size_of(PageCount{window.pages()}).raw();
  for (std::size_t slot = 0; slot < kTableSlots; ++slot)
    slab_of[slot] =
        static_cast<std::uint16_t>(caches_[class_of(slot * 8)]->cpu_slab_offset());
}

void Heap::empty_cpu(CpuContext& cpu) {
  for (KmemCache* const cache : heap.caches_) cache->drain_cpu(cpu.cpu);
  heap.machine_->pages().drain_cpu(cpu.cpu);
}

}  // namespace quire::preload
