#include "tools/run/record_json.hpp"

#include <nlohmann/json.hpp>

namespace quire::run {
namespace {

using Json = nlohmann::ordered_json;

Json json_of(const FaultCounts& faults) {
  Json json = Json::object();
  for (unsigned kind = 0; kind < kFaultKinds; ++kind)
    json[name_of(static_cast<FaultKind>(kind))] = faults[kind];
  return json;
}

Json json_of(const std::vector<Series>& group) {
  Json json = Json::array();
  for (const Series& series : group)
    json.push_back({{"name", series.name}, {"values", series.values}});
  return json;
}

Json zones_of(const RunRecord& record) {
  Json zones = Json::array();
  for (const ZoneRecord& zone : record.zones)
    zones.push_back({{"node", zone.node},
                     {"zone", zone.name},
                     {"start_pfn", zone.start_pfn},
                     {"spanned", zone.spanned},
                     {"present", zone.present},
                     {"managed", zone.managed},
                     {"min", zone.min},
                     {"low", zone.low},
                     {"high", zone.high}});
  return zones;
}

Json processes_of(const RunRecord& record) {
  Json processes = Json::array();
  for (const ProcessRecord& process : record.processes)
    processes.push_back({{"pid", process.pid},
                         {"parent", process.parent},
                         {"name", process.name},
                         {"state", process.state},
                         {"why", process.why},
                         {"started_ns", process.started_ns},
                         {"ended_ns", process.ended_ns},
                         {"accesses", process.accesses},
                         {"minor_faults", process.minor_faults},
                         {"major_faults", process.major_faults},
                         {"faults", json_of(process.faults)},
                         {"peak_resident", process.peak_resident},
                         {"anonymous", process.anonymous},
                         {"file", process.file},
                         {"shared_memory", process.shmem}});
  return processes;
}

// Neighbours together: the first frame of the first one, and how many they are.
Json stretches_of(const RunRecord& record) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> stretches;
  std::uint64_t next = 0;
  for (const std::uint64_t first : record.blocks) {
    if (stretches.empty() || first != next) stretches.emplace_back(first, 0);
    ++stretches.back().second;
    next = first + record.frames_per_block;
  }
  return stretches;
}

// "24a9": 24 blocks with the letter and the digit; one goes without its number.
std::string runs_of(const Picture& picture) {
  std::string runs;
  for (std::size_t from = 0, end = 0; from < picture.uses.size(); from = end) {
    while (end < picture.uses.size() && picture.uses[end] == picture.uses[from] &&
           picture.fullness[end] == picture.fullness[from])
      ++end;
    if (from != 0) runs += ' ';
    if (end - from > 1) runs += std::to_string(end - from);
    runs += picture.uses[from];
    runs += picture.fullness[from];
  }
  return runs;
}

Json physical_of(const RunRecord& record) {
  Json legend = Json::object();
  for (unsigned use = 0; use < kFrameUses; ++use)
    legend[std::string(1, kFrameLetters[use])] = kFrameNames[use];
  Json pictures = Json::array();
  for (const Picture& picture : record.pictures)
    pictures.push_back({{"time_ns", picture.time_ns}, {"runs", runs_of(picture)}});
  return {{"frames_per_block", record.frames_per_block},
          {"stretches", stretches_of(record)},
          {"legend", legend},
          {"pictures", pictures}};
}

}  // namespace

std::string to_json(const RunRecord& record) {
  const Json json = {
      {"format", 1},
      {"machine", 
       {{"name", record.machine}, {"nodes", record.nodes}, {"cpu_nodes", record.cpu_nodes}}},
      {"seed", record.seed},
      {"workloads", record.workloads},
      {"end", record.end},
      {"time_ns", record.time_ns},
      {"accesses", record.accesses},
      {"tlb",
       {{"accesses", record.tlb_accesses},
        {"second_level_hits", record.tlb_second_hits},
        {"walks", record.tlb_walks}}},
      {"faults", json_of(record.faults)},
      {"zones", zones_of(record)},
      {"processes", processes_of(record)},
      {"samples",
       {{"times_ns", record.times_ns},
        {"free", json_of(record.free)},
        {"faults", json_of(record.fault_kinds)},
        {"memory", json_of(record.memory)},
        {"tlb", json_of(record.tlb)},
        {"resident", json_of(record.resident)}}},
      {"physical", physical_of(record)},
      {"messages", record.messages}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + '\n';
}

}  // namespace quire::run
