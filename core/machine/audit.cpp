// The audit as a whole, and the sums that its parts lead to.
#include "machine/audit.hpp"

#include "machine/machine.hpp"
#include "machine/process_audit.hpp"

namespace quire {

Result<void> Machine::audit(TextSink& report) {
  const Audit::Parts parts{
      host_,   map_,      nodes_,          tunables_,       *plan_,
      *slabs_, *vmalloc_, *kernel_tables_, debug_.owners(), debug_.bad_pages()};
  QUIRE_TRY(Audit(parts, report).run());
  Text text(report);
  QUIRE_TRY(percpu_frames_->audit(text));
  if (process_floor_.has_value())
    QUIRE_TRY(ProcessAudit({map_, nodes_, *process_floor_}, text).check());
  return mmu_->audit(text);
}

Result<void> Audit::run() {
  for (Node& node : parts_.nodes.all()) {
    if (!node.online) continue;
    for (Zone& zone : node.zones) {
      if (!zone.populated()) continue;
      QUIRE_TRY(check_zone(zone));
      QUIRE_TRY(check_watermarks(zone));
      QUIRE_TRY(check_protection(node, zone));
      QUIRE_TRY(check_fast_low(zone));
      QUIRE_TRY(check_counters(zone));
    }
    QUIRE_TRY(check_zonelists(node));
  }
  QUIRE_TRY(slabs_.check_caches());
  if (const char* const fault = parts_.vmalloc.fault(); fault != nullptr)
    return broken_words("vmalloc: ", fault);
  QUIRE_TRY(tables_.check());
  if (leaked_ > parts_.bad_pages)
    return broken_words(leaked_, " blocks are neither free nor in a set nor in use, but only ",
                        parts_.bad_pages, " were reported and leaked");
  return {};
}

Result<void> Audit::check_zone(Zone& zone) {
  Tally tally;
  {
    const SpinGuard guard(zone.lock);
    QUIRE_TRY(check_free_lists(zone, tally));
  }
  QUIRE_TRY(check_sets(zone, tally));
  QUIRE_TRY(check_frames(zone, tally));
  return check_sums(zone, tally);
}

Result<void> Audit::check_sums(const Zone& zone, const Tally& tally) {
  if (tally.free != tally.listed_free)
    return broken(zone, "free lists hold ", tally.listed_free, " pages, but ", tally.free,
                  " frames are free");
  const std::int64_t counted = zone_state_snapshot(parts_.nodes, zone, ZoneItem::kNrFreePages);
  if (counted != static_cast<std::int64_t>(tally.free - tally.isolated))
    return broken(zone, "nr_free_pages is ", counted, " with what CPUs have not folded, but ",
                  tally.free - tally.isolated, " pages are free");
  if (tally.idle_blocks != tally.sets_blocks)
    return broken(zone, "per-CPU sets hold ", tally.sets_blocks, " blocks, but only ",
                  tally.idle_blocks, " of them are among the managed pages");
  const std::uint64_t found = tally.free + tally.idle_pages + tally.used;
  if (found != zone.managed_pages())
    return broken(zone, "managed is ", zone.managed_pages(), " pages, but free, kept and used are ",
                  found);
  const auto reserved = static_cast<std::uint64_t>(zone.nr_reserved_highatomic.get());
  // Linux forgets to count down when such a pageblock is taken as half of a larger block.
  if (tally.highatomic * kPageblockPages.raw() > reserved)
    return broken(zone, tally.highatomic, " pageblocks are highatomic, but nr_reserved_highatomic",
                  " is ", reserved);
  return {};
}

}  // namespace quire
