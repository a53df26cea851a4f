// Memory that comes and goes.
#include "api/arguments.hpp"

using quire::Errno;
using quire::api::Call;
using quire::api::fail;
using quire::api::pages_of;

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
