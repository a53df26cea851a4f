#include "api/call.hpp"

namespace {

std::uint64_t next_serial() {
  static std::atomic<std::uint64_t> last = 0;
  return ++last;
}

quire::TextCallback log_callback(const quire_options& options) {
  if (options.log == nullptr) return {};
  return [log = options.log, user = options.user](std::string_view line) {
    log(user, std::string(line).c_str());
  };
}

}  // namespace

quire_machine::quire_machine(const quire_options& options) : serial(next_serial()) {
  if (options.host == QUIRE_HOST_NATIVE) {
    native.emplace(quire::NativeOptions{.log = log_callback(options)});
    machine = std::make_unique<quire::Machine>(*native);
  } else {
    sim.emplace(quire::SimOptions{.seed = options.seed});
    sim_log.emplace(*sim, log_callback(options));
    machine = std::make_unique<quire::Machine>(*sim_log);
  }
}

quire_machine::~quire_machine() {
  sim_flusher.reset();
  native_flusher.reset();
  if (!files) return;
  const quire::api::Call call(*this);
  files->sync();
}

void quire_machine::begin_processes(quire::ProcessFloor& floor) {
  process_floor = &floor;
  lists = &floor.lru();
  files.emplace(floor, sim ? quire::api::FileStore::Disks{&*sim, &machine->cpus().back()}
                           : quire::api::FileStore::Disks{});
  if (sim)
    sim_flusher.emplace(*sim, machine->cpus().back(), floor.flusher());
  else
    native_flusher.emplace(*pool, floor.flusher());
}

std::optional<std::string> quire_machine::boot(const quire::machine_file::MachineFile& file) {
  quire::MachineSpec spec = file.spec();
  if (native) spec.profile.frame_content = spec.profile.vma_locks = true;
  if (const auto booted = machine->boot(spec); !booted.has_value())
    return std::string("the machine does not boot: ") + quire::name_of(booted.error());
  quire::CpuPool::Drain drain;
  if (native)
    drain = [this](quire::CpuContext& cpu) {
      if (quire::Lru* const lru = lists; lru != nullptr) lru->drain_here();
      machine->slabs().drain_cpu(cpu.cpu);
      machine->pages().drain_cpu(cpu.cpu);
    };
  pool.emplace(machine->cpus(), std::move(drain));
  return std::nullopt;
}

quire::Page* quire_machine::page_of(const quire_page* page) const {
  return machine->map().page_at(page);
}

quire::Zone* quire_machine::zone_of(const quire::Page& page) const {
  // Only the first page of a block names its zone.
  if (page.word != quire::PageWord()) return &machine->nodes().zone_of(page.word);
  const quire::Pfn pfn = machine->map().pfn_of(page);
  for (const quire::NodeRange& ram : machine->plan().layout().ranges) {
    if (!ram.range.contains(pfn)) continue;
    for (quire::Zone& zone : machine->nodes().node(ram.node).zones)
      if (zone.span.contains(pfn)) return &zone;
  }
  return nullptr;
}

quire::CpuId quire_machine::last_cpu() const {
  return quire::CpuId{static_cast<std::uint16_t>(machine->cpus().size() - 1)};
}

quire::Page* quire_machine::page_at(const void* address) const {
  const quire::MemoryMap& map = machine->map();
  const quire::PageIndex index = map.frames().index_at(address);
  return map.contains(index) ? &map.at(index) : nullptr;
}
