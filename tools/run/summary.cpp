#include "tools/run/summary.hpp"

#include <fmt/format.h>

#include <numeric>
#include <utility>

namespace quire::run {
namespace {

constexpr std::size_t kMostRows = 20;

std::string time_text(std::uint64_t ns) {
  struct Unit {
    std::uint64_t ns;
    const char* name;
  };
  for (const Unit unit : {Unit{1'000'000'000, "s"}, Unit{1'000'000, "ms"}, Unit{1'000, "us"}})
    if (ns >= unit.ns)
      return fmt::format("{}.{:03} {}", ns / unit.ns, ns % unit.ns * 1000 / unit.ns, unit.name);
  return fmt::format("{} ns", ns);
}

std::string kib_text(std::uint64_t pages) { return fmt::format("{} kB", pages * 4); }

struct Share {
  std::uint64_t part;
  std::uint64_t whole;
};
// Of a hundred, to one digit, without floating point.
std::string share_text(const Share& share) {
  const std::uint64_t tenths = share.whole == 0 ? 0 : share.part * 1000 / share.whole;
  return fmt::format("{}.{} %", tenths / 10, tenths % 10);
}

void add_processes(const RunRecord& record, std::string& out) {
  out += fmt::format("\n{:>7} {:<16} {:<10} {:>12} {:>10} {:>8} {:>12} {:>12}\n", "pid", "process",
                     "state", "accesses", "minor", "major", "peak rss", "time");
  std::size_t rows = 0;
  for (const ProcessRecord& process : record.processes) {
    if (++rows > kMostRows) continue;
    const std::uint64_t until = process.ended_ns != 0 ? process.ended_ns : record.time_ns;
    out += fmt::format("{:>7} {:<16.16} {:<10} {:>12} {:>10} {:>8} {:>12} {:>12}\n", process.pid,
                       process.name, process.state, process.accesses, process.minor_faults,
                       process.major_faults, kib_text(process.peak_resident),
                       time_text(until - process.started_ns));
    if (!process.why.empty()) out += fmt::format("        {}\n", process.why);
  }
  if (rows > kMostRows) out += fmt::format("        and {} more\n", rows - kMostRows);
}

}  // namespace

std::string summary_of(const RunRecord& record) {
  const std::uint64_t faults =
      std::accumulate(record.faults.begin(), record.faults.end(), std::uint64_t{0});
  const std::size_t cpus = record.cpu_nodes.size();
  std::string out = fmt::format(
      "{}: {} node{}, {} CPU{}, seed {}\n{} after {} of virtual time\n\n",
      record.machine.empty() ? "machine" : record.machine, record.nodes,
      record.nodes == 1 ? "" : "s", cpus, cpus == 1 ? "" : "s", record.seed,
      record.end, time_text(record.time_ns));
  out += fmt::format("accesses     {:>14}\n", record.accesses);
  out += fmt::format("tlb          {:>14} translations, {} in the second level, {} walks\n",
                     record.tlb_accesses, share_text({record.tlb_second_hits, record.tlb_accesses}),
                     share_text({record.tlb_walks, record.tlb_accesses}));
  out += fmt::format("faults       {:>14}\n", faults);
  for (unsigned kind = 0; kind < kFaultKinds; ++kind)
    if (record.faults[kind] != 0)
      out += fmt::format("  {:<12} {:>12}\n", name_of(static_cast<FaultKind>(kind)),
                         record.faults[kind]);
  add_processes(record, out);
  out += fmt::format("\n{:<16} {:>12} {:>12} {:>10} {:>10} {:>10}\n", "zone", "managed", "free",
                     "min", "low", "high");
  for (std::size_t i = 0; i < record.zones.size(); ++i) {
    const ZoneRecord& zone = record.zones[i];
    const std::uint64_t free = record.free[i].values.empty() ? 0 : record.free[i].values.back();
    out += fmt::format("node {:<2} {:<8} {:>12} {:>12} {:>10} {:>10} {:>10}\n", zone.node,
                       zone.name, kib_text(zone.managed), kib_text(free), kib_text(zone.min),
                       kib_text(zone.low), kib_text(zone.high));
  }
  bool first = true;
  for (const std::string& line : record.messages) {
    if (!line.starts_with("Out of memory") && line.find("oom-killer") == std::string::npos)
      continue;
    out += (std::exchange(first, false) ? "\n" : "") + line + '\n';
  }
  return out;
}

}  // namespace quire::run
