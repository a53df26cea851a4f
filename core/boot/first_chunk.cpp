#include "boot/first_chunk.hpp"

namespace quire {
namespace {

constexpr unsigned kBuiltForCpus = 8192;  // CONFIG_NR_CPUS

struct Pieces {
  std::uint64_t count = 0;
  std::uint64_t units_left_over = 0;
};

Pieces pieces_of(const NumaInfo& numa, std::uint64_t units_a_piece) {
  Pieces pieces;
  for (unsigned node = 0; node < numa.node_count(); ++node) {
    std::uint64_t cpus = 0;
    for (const NodeId home : numa.cpu_nodes()) cpus += index_of(home) == node ? 1 : 0;
    const std::uint64_t count = (cpus + units_a_piece - 1) / units_a_piece;
    pieces.count += count;
    pieces.units_left_over += count * units_a_piece - cpus;
  }
  return pieces;
}

}  // namespace

FirstChunk FirstChunk::plan(const NumaInfo& numa) {
  std::uint64_t best = 1;
  std::uint64_t fewest = ~std::uint64_t{0};
  for (std::uint64_t units = std::bit_floor(kPiece / kUsed); units != 0; units /= 2) {
    const Pieces pieces = pieces_of(numa, units);
    if (pieces.units_left_over > numa.cpu_nodes().size() / 3) continue;
    if (pieces.count > fewest) break;
    fewest = pieces.count;
    best = units;
  }
  return {kPiece / best, best};
}

void FirstChunk::log(const NumaInfo& numa, ArchProfile arch, Host& host) const {
  if (arch == ArchProfile::kX86_32) return;
  const std::uint64_t cpus = numa.cpu_nodes().size();
  LogLine(host)->str("setup_percpu: NR_CPUS:").dec(kBuiltForCpus).str(" nr_cpumask_bits:").dec(cpus)
      .str(" nr_cpu_ids:").dec(cpus).str(" nr_node_ids:").dec(numa.node_count());
  LogLine(host)->str("percpu: Embedded ").dec(pages_to_hold(kUsed).raw()).str(" pages/cpu s")
      .dec(kStatic.raw()).str(" r").dec(kReserved.raw()).str(" d").dec(kDynamic.raw())
      .str(" u").dec(unit.raw());
}

}  // namespace quire
