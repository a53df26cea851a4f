#include "engine/sampler.hpp"

#include <algorithm>

namespace quire {
namespace {

std::uint64_t clamp(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

// Multiples of a distance.
struct Grid {
  std::uint64_t distance_ns;
  [[nodiscard]] std::uint64_t after(std::uint64_t time_ns) const {
    return (time_ns / distance_ns + 1) * distance_ns;
  }
};

// Which of these ascending times are the first at or after a multiple.
template <class T, class TimeOf>
std::vector<std::size_t> spaced(const std::vector<T>& values, Grid grid, TimeOf time_of) {
  std::vector<std::size_t> kept;
  std::uint64_t next_ns = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (time_of(values[i]) < next_ns) continue;
    kept.push_back(i);
    next_ns = grid.after(time_of(values[i]));
  }
  return kept;
}

template <class T>
void keep(std::vector<T>& values, const std::vector<std::size_t>& kept) {
  std::vector<T> rest;
  rest.reserve(kept.size());
  for (const std::size_t i : kept) rest.push_back(std::move(values[i]));
  values = std::move(rest);
}

std::string series_name(const LiveProcess& live) {
  return live.name + " " + std::to_string(live.pid);
}

struct MemoryRow {
  const char* name;
  NodeItem item;
};
constexpr MemoryRow kMemoryRows[] = {
    {"page cache", NodeItem::kNrFilePages},      {"anonymous", NodeItem::kNrAnonPages},
    {"shared memory", NodeItem::kNrShmem},       {"mapped", NodeItem::kNrMapped},
    {"dirty", NodeItem::kNrDirty},               {"write-back", NodeItem::kNrWriteback},
    {"page tables", NodeItem::kNrPageTablePages}};

}  // namespace

Sampler::Sampler(Engine& engine, Machine& machine)
    : engine_(engine), machine_(machine), blocks_(machine, kMostBlocks) {
  const OnCpu on_cpu(machine.cpus().front());
  machine.nodes().for_each_populated([&](const Zone& zone) {
    const std::string node = "node " + std::to_string(index_of(zone.node)) + " ";
    record_.free.push_back({node + std::string(name_of(zone.type)), {}});
  });
  for (unsigned kind = 0; kind < kFaultKinds; ++kind)
    record_.fault_kinds.push_back({name_of(static_cast<FaultKind>(kind)), {}});
  for (const MemoryRow& row : kMemoryRows) record_.memory.push_back({row.name, {}});
  record_.tlb = {{"accesses", {}}, {"second-level hits", {}}, {"walks", {}}};
  record_.frames_per_block = blocks_.frames_per_block();
  record_.blocks = blocks_.starts();
}

std::uint64_t Sampler::sample(std::uint64_t now_ns) {
  take(now_ns);
  if (now_ns >= next_picture_ns_) take_picture(now_ns);
  while (record_.times_ns.size() > kMost) {
    distance_ns_ *= 2;
    const auto kept =
        spaced(record_.times_ns, Grid{distance_ns_}, [](std::uint64_t time_ns) { return time_ns; });
    keep(record_.times_ns, kept);
    for_each_series([&](Series& series) { keep(series.values, kept); });
  }
  return Grid{distance_ns_}.after(now_ns);
}

template <class Visit>
void Sampler::for_each_series(Visit visit) {
  for (auto* group : {&record_.free, &record_.fault_kinds, &record_.memory, &record_.tlb,
                      &record_.resident})
    for (Series& series : *group) visit(series);
}

void Sampler::take(std::uint64_t now_ns) {
  Nodes& nodes = machine_.nodes();
  for (const CpuContext& cpu : machine_.cpus()) fold_vmstat(nodes, cpu.percpu);
  add_processes();
  record_.times_ns.push_back(now_ns);
  std::size_t zone_number = 0;
  nodes.for_each_populated([&](const Zone& zone) {
    record_.free[zone_number++].values.push_back(
        clamp(zone_state_snapshot(nodes, zone, ZoneItem::kNrFreePages)));
  });
  for (unsigned kind = 0; kind < kFaultKinds; ++kind)
    record_.fault_kinds[kind].values.push_back(engine_.faults()[kind]);
  for (std::size_t row = 0; row < std::size(kMemoryRows); ++row)
    record_.memory[row].values.push_back(global_node_state(nodes, kMemoryRows[row].item));
  const TlbCounts tlb = engine_.tlb_counts();
  record_.tlb[0].values.push_back(tlb.accesses);
  record_.tlb[1].values.push_back(tlb.l2_hits);
  record_.tlb[2].values.push_back(tlb.walks);
  for (std::size_t i = 0; i < record_.resident.size(); ++i) {
    const Process* const process = engine_.processes()[i]->process;
    record_.resident[i].values.push_back(process == nullptr ? 0 : process->mm->resident().raw());
  }
}

// Those that have begun since: nothing of them was there at earlier times.
void Sampler::add_processes() {
  const auto& processes = engine_.processes();
  const std::size_t most = min_of(processes.size(), RunRecord::kMostProcesses);
  for (std::size_t i = record_.resident.size(); i < most; ++i)
    record_.resident.push_back(
        {series_name(*processes[i]), std::vector<std::uint64_t>(record_.times_ns.size())});
}

void Sampler::take_picture(std::uint64_t now_ns) {
  record_.pictures.push_back(blocks_.picture(now_ns));
  while (record_.pictures.size() > kMostPictures) {
    picture_distance_ns_ *= 2;
    keep(record_.pictures, spaced(record_.pictures, Grid{picture_distance_ns_},
                                  [](const Picture& picture) { return picture.time_ns; }));
  }
  next_picture_ns_ = Grid{picture_distance_ns_}.after(now_ns);
}

RunRecord Sampler::finish() {
  const OnCpu on_cpu(machine_.cpus().front());
  if (record_.pictures.empty() || record_.pictures.back().time_ns != engine_.now_ns())
    record_.pictures.push_back(blocks_.picture(engine_.now_ns()));
  record_.nodes = machine_.nodes().online_count();
  for (const CpuContext& cpu : machine_.cpus())
    record_.cpu_nodes.push_back(static_cast<unsigned>(index_of(cpu.node)));
  record_.time_ns = engine_.now_ns();
  record_.faults = engine_.faults();
  const TlbCounts tlb = engine_.tlb_counts();
  record_.tlb_accesses = tlb.accesses;
  record_.tlb_second_hits = tlb.l2_hits;
  record_.tlb_walks = tlb.walks;
  machine_.nodes().for_each_populated([&](const Zone& zone) {
    const auto mark = [&](Watermark which) { return clamp(zone.watermark_pages(which)); };
    record_.zones.push_back({index_of(zone.node), std::string(name_of(zone.type)),
                             zone.span.start.raw(), zone.span.length().raw(), zone.present.raw(),
                             zone.managed_pages(), mark(Watermark::kMin), mark(Watermark::kLow),
                             mark(Watermark::kHigh)});
  });
  for (std::size_t i = 0; i < record_.resident.size(); ++i)
    record_.resident[i].name = series_name(*engine_.processes()[i]);  // execs have changed it
  for (const auto& live : engine_.processes()) {
    record_.accesses += live->accesses;
    record_.processes.push_back({live->pid, live->parent, live->name, name_of(live->state),
                                 live->why, live->started_ns, live->ended_ns, live->accesses,
                                 live->minor_faults, live->major_faults, live->faults,
                                 live->peak_resident, live->anonymous, live->file, live->shmem});
  }
  return std::move(record_);
}

}  // namespace quire
