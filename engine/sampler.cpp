#include "engine/sampler.hpp"

#include <algorithm>

#include "engine/frames.hpp"

namespace quire {
namespace {

std::uint64_t clamp(std::int64_t value) {
  return value < 0 ? 0 : static_cast<std::uint64_t>(value);
}

// Each second value goes, the first stays.
template <class T>
void halve(std::vector<T>& values) {
  for (std::size_t i = 2; i < values.size(); i += 2) values[i / 2] = std::move(values[i]);
  values.resize((values.size() + 1) / 2);
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

Sampler::Sampler(Engine& engine, Machine& machine) : engine_(engine), machine_(machine) {
  const OnCpu on_cpu(machine.cpus().front());
  machine.nodes().for_each_populated([&](const Zone& zone) {
    const std::string node = "node " + std::to_string(index_of(zone.node)) + " ";
    record_.free.push_back({node + std::string(name_of(zone.type)), {}});
  });
  for (unsigned kind = 0; kind < kFaultKinds; ++kind)
    record_.fault_kinds.push_back({name_of(static_cast<FaultKind>(kind)), {}});
  for (const MemoryRow& row : kMemoryRows) record_.memory.push_back({row.name, {}});
  record_.tlb = {{"accesses", {}}, {"second-level hits", {}}, {"walks", {}}};
  FrameBlocks blocks(machine, kMostBlocks);
  record_.frames_per_block = blocks.frames_per_block();
  record_.blocks = blocks.starts();
}

std::uint64_t Sampler::sample(std::uint64_t now_ns) {
  take(now_ns);
  if (now_ns >= next_picture_ns_) take_picture(now_ns);
  if (record_.times_ns.size() > kMost) {
    halve(record_.times_ns);
    for_each_series([](Series& series) { halve(series.values); });
    distance_ns_ *= 2;
  }
  return now_ns + distance_ns_;
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
    record_.resident.push_back({processes[i]->name + " " + std::to_string(processes[i]->pid),
                                std::vector<std::uint64_t>(record_.times_ns.size())});
}

void Sampler::take_picture(std::uint64_t now_ns) {
  FrameBlocks blocks(machine_, kMostBlocks);
  record_.pictures.push_back(blocks.picture(now_ns));
  if (record_.pictures.size() > kMostPictures) {
    halve(record_.pictures);
    picture_distance_ns_ *= 2;
  }
  next_picture_ns_ = now_ns + picture_distance_ns_;
}

RunRecord Sampler::finish() {
  const OnCpu on_cpu(machine_.cpus().front());
  if (record_.pictures.empty() || record_.pictures.back().time_ns != engine_.now_ns())
    record_.pictures.push_back(FrameBlocks(machine_, kMostBlocks).picture(engine_.now_ns()));
  record_.nodes = machine_.nodes().online_count();
  record_.cpus = static_cast<unsigned>(machine_.cpus().size());
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
