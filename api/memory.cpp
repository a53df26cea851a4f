// Memory that comes and goes.
#include "api/call.hpp"

using quire::Errno;
using quire::api::Call;
using quire::api::fail;

namespace {

// Nothing when the range does not consist of whole pages.
std::optional<quire::PfnRange> pages_of(const quire_range& range) {
  const quire::PhysAddr start{range.start};
  const quire::PhysAddr end{range.start + range.size};
  if (end < start || !start.is_aligned(quire::kPageSize) || !end.is_aligned(quire::kPageSize))
    return std::nullopt;
  return quire::PfnRange{pfn_down(start), pfn_down(end)};
}

}  // namespace

extern "C" {

int quire_add_memory(quire_machine* machine, int node, const quire_range* range) {
  if (machine == nullptr || range == nullptr) return fail(Errno::kInvalid, "no machine or range");
  const auto pages = pages_of(*range);
  if (!pages || quire_node_is_online(machine, node) != 1)
    return fail(Errno::kInvalid, "no such node, or not whole pages");
  const Call call(*machine);
  const quire::NodeId to{static_cast<std::uint16_t>(node)};
  const auto added = machine->machine->hotplug().add(to, *pages);
  return added.has_value() ? 0 : fail(added.error(), "cannot add the memory");
}

int quire_remove_memory(quire_machine* machine, const quire_range* range) {
  if (machine == nullptr || range == nullptr) return fail(Errno::kInvalid, "no machine or range");
  const auto pages = pages_of(*range);
  if (!pages) return fail(Errno::kInvalid, "not whole pages");
  const Call call(*machine);
  const auto removed = machine->machine->hotplug().remove(*pages);
  return removed.has_value() ? 0 : fail(removed.error(), "cannot remove the memory");
}

}  // extern "C"
