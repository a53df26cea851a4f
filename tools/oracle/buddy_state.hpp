// The state of a node's zones, put into a machine and read out of it, in the form of the logs.
//
// Locking  Nobody else uses the machine meanwhile; the caller is on one of its CPUs.
// Errors   A state that does not fit the machine, as one sentence.
#pragma once

#include <expected>
#include <string>

#include "machine/machine.hpp"
#include "tools/oracle/buddy_log.hpp"
#include "tools/oracle/comparison.hpp"

namespace quire::oracle {

// The zone of `machine` that `state` is of, or null.
Zone* zone_of(Machine& machine, const ZoneState& state);

// Makes the free lists, pageblocks, per-CPU sets, watermarks, reserves and counters of a zone
// those of `state`. Where the zone lies is not changed.
std::expected<void, std::string> put_state(Machine& machine, const ZoneState& state);

ZoneState read_state(Machine& machine, Zone& zone);

void compare_states(const ZoneState& linux, const ZoneState& here, Comparison& comparison);

}  // namespace quire::oracle
