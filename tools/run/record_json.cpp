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

Json physical_of(const RunRecord& record) {
  Json legend = Json::object();
  for (unsigned use = 0; use < kFrameUses; ++use)
    legend[std::string(1, kFrameLetters[use])] = kFrameNames[use];
  Json pictures = Json::array();
  for (const Picture& picture : record.pictures)
    pictures.push_back({{"time_ns", picture.time_ns},
                        {"uses", picture.uses},
                        {"fullness", picture.fullness}});
  return {{"frames_per_block", record.frames_per_block},
          {"blocks", record.blocks},
          {"legend", legend},
          {"pictures", pictures}};
}

}  // namespace

std::string to_json(const RunRecord& record) {
  const Json json = {
      {"format", 1},
      {"machine", {{"name", record.machine}, {"nodes", record.nodes}, {"cpus", record.cpus}}},
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
