#include "tools/report/database.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "tools/report/sqlite.hpp"

namespace quire::report {
namespace {

constexpr const char* kTables = R"(
  pragma journal_mode = off;
  pragma synchronous = off;
  begin;
  create table run(key text primary key, value);
  create table workload(number integer primary key, path text);
  create table zone(number integer primary key, node integer, name text, start_pfn integer,
    spanned integer, present integer, managed integer, min integer, low integer, high integer);
  create table process(number integer primary key, pid integer, parent integer, name text,
    state text, why text, started_ns integer, ended_ns integer, accesses integer,
    minor_faults integer, major_faults integer, peak_resident integer, anonymous integer,
    file integer, shared_memory integer);
  create table fault(kind text primary key, faults integer);
  create table process_fault(process integer references process, kind text, faults integer);
  create table sample(plot text, series text, time_ns integer, value integer);
  create table picture(time_ns integer, first_pfn integer, frames integer, holds text,
    fullness integer);
  create table message(number integer primary key, line text);
)";

void add_run(Database& database, const RunRecord& record) {
  Rows rows(database, "insert into run values(?, ?)");
  rows.add("format", 1);
  rows.add("machine", record.machine);
  rows.add("nodes", record.nodes);
  rows.add("cpus", record.cpu_nodes.size());
  rows.add("seed", record.seed);
  rows.add("end", record.end);
  rows.add("time_ns", record.time_ns);
  rows.add("accesses", record.accesses);
  rows.add("tlb_accesses", record.tlb_accesses);
  rows.add("tlb_second_level_hits", record.tlb_second_hits);
  rows.add("tlb_walks", record.tlb_walks);
  Rows workloads(database, "insert into workload values(?, ?)");
  for (std::size_t i = 0; i < record.workloads.size(); ++i) workloads.add(i, record.workloads[i]);
  Rows messages(database, "insert into message values(?, ?)");
  for (std::size_t i = 0; i < record.messages.size(); ++i) messages.add(i, record.messages[i]);
}

void add_zones(Database& database, const RunRecord& record) {
  Rows rows(database, "insert into zone values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  for (std::size_t i = 0; i < record.zones.size(); ++i) {
    const ZoneRecord& zone = record.zones[i];
    rows.add(i, zone.node, zone.name, zone.start_pfn, zone.spanned, zone.present, zone.managed,
             zone.min, zone.low, zone.high);
  }
}

void add_processes(Database& database, const RunRecord& record) {
  Rows rows(database,
            "insert into process values(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  Rows faults(database, "insert into process_fault values(?, ?, ?)");
  for (std::size_t i = 0; i < record.processes.size(); ++i) {
    const ProcessRecord& process = record.processes[i];
    rows.add(i, process.pid, process.parent, process.name, process.state, process.why,
             process.started_ns, process.ended_ns, process.accesses, process.minor_faults,
             process.major_faults, process.peak_resident, process.anonymous, process.file,
             process.shmem);
    for (unsigned kind = 0; kind < kFaultKinds; ++kind)
      if (process.faults[kind] != 0)
        faults.add(i, name_of(static_cast<FaultKind>(kind)), process.faults[kind]);
  }
  Rows all(database, "insert into fault values(?, ?)");
  for (unsigned kind = 0; kind < kFaultKinds; ++kind)
    all.add(name_of(static_cast<FaultKind>(kind)), record.faults[kind]);
}

void add_samples(Database& database, const RunRecord& record) {
  struct Plot {
    const char* name;
    const std::vector<Series>& series;
  };
  Rows rows(database, "insert into sample values(?, ?, ?, ?)");
  for (const Plot& plot : {Plot{"free", record.free}, Plot{"faults", record.fault_kinds},
                           Plot{"memory", record.memory}, Plot{"tlb", record.tlb},
                           Plot{"resident", record.resident}})
    for (const Series& series : plot.series)
      for (std::size_t i = 0; i < record.times_ns.size(); ++i)
        rows.add(plot.name, series.name, record.times_ns[i], series.values[i]);
}

// Blocks that are in use: neighbours of the same use and fullness are one row.
void add_picture(Rows& rows, const RunRecord& record, const Picture& picture) {
  const std::size_t blocks = record.blocks.size();
  for (std::size_t from = 0, end = 0; from < blocks; from = end) {
    const auto same = [&](std::size_t block) {
      return picture.uses[block] == picture.uses[from] &&
             picture.fullness[block] == picture.fullness[from] &&
             record.blocks[block] - record.blocks[from] == (block - from) * record.frames_per_block;
    };
    while (end < blocks && same(end)) ++end;
    if (picture.fullness[from] == '0') continue;
    const auto letter = std::ranges::find(kFrameLetters, picture.uses[from]);
    rows.add(picture.time_ns, record.blocks[from], (end - from) * record.frames_per_block,
             kFrameNames[static_cast<std::size_t>(letter - kFrameLetters.begin())],
             picture.fullness[from] - '0');
  }
}

void remove_file(const std::string& path) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
}

}  // namespace

std::expected<void, std::string> write_database(const RunRecord& record, const std::string& path) {
  remove_file(path);
  Database database(path);
  database.execute(kTables);
  add_run(database, record);
  add_zones(database, record);
  add_processes(database, record);
  add_samples(database, record);
  {
    Rows rows(database, "insert into picture values(?, ?, ?, ?, ?)");
    for (const Picture& picture : record.pictures) add_picture(rows, record, picture);
  }
  database.execute("commit");
  if (database.error().empty()) return {};
  remove_file(path);
  return std::unexpected(database.error());
}

}  // namespace quire::report
