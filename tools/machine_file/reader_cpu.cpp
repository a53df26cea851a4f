#include <bit>

#include "tools/machine_file/cost_keys.hpp"
#include "tools/machine_file/machine_file.hpp"
#include "tools/machine_file/reader_parts.hpp"

namespace quire::machine_file {
namespace {

constexpr std::int64_t kMaxEntries = 32'768;

void read_cache(const TomlTable& tlb, std::string_view name, TlbSize& size) {
  const auto cache = tlb.table(name);
  if (!cache) return;
  cache->allow_only({"entries", "ways"});
  const auto entries = cache->integer("entries", {1, kMaxEntries}).value_or(size.entries);
  const auto ways = cache->integer("ways", {1, kMaxEntries}).value_or(size.ways);
  if (entries % ways != 0 || !std::has_single_bit(static_cast<std::uint64_t>(entries / ways)))
    return cache->report_expected("entries", "2^n times the ways");
  size = {static_cast<std::uint16_t>(entries), static_cast<std::uint16_t>(ways)};
}

void read_cost(const TomlTable& root, CostModel& model) {
  const auto cost = root.table("cost");
  if (!cost) return;
  cost->allow_only({"hit_ps", "second_hit_ps", "walk_ps", "fault_ns", "clear_page_ns",
                    "copy_page_ns", "call_ns", "switch_ns", "slice_ns", "disk_latency_ns",
                    "disk_mib_per_s"});
  for (const CostKey& key : kCostKeys)
    if (const auto value = cost->integer(key.name, {key.least, kMostCost}))
      model.*key.value = static_cast<std::uint64_t>(*value);
}

}  // namespace

void read_cpu(const TomlTable& root, MachineFile& machine) {
  if (const auto cpu = root.table("cpu")) {
    cpu->allow_only({"gib_pages"});
    machine.gib_pages = cpu->flag("gib_pages").value_or(false);
  }
  read_cost(root, machine.cost);
  const auto tlb = root.table("tlb");
  if (!tlb) return;
  tlb->allow_only({"check", "asids", "small", "second", "large", "giant"});
  TlbSpec& spec = machine.tlb;
  spec.modelled = true;
  spec.check = tlb->flag("check").value_or(spec.check);
  spec.asids = tlb->flag("asids").value_or(spec.asids);
  read_cache(*tlb, "small", spec.small);
  read_cache(*tlb, "second", spec.second);
  read_cache(*tlb, "large", spec.large);
  read_cache(*tlb, "giant", spec.giant);
}

}  // namespace quire::machine_file
