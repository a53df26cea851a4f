// Nodes and zones, the order in which they are tried, their watermarks and counters.
#pragma once

#include "zone/node.hpp"
#include "zone/nodes.hpp"
#include "zone/per_cpu.hpp"
#include "zone/struct_zone.hpp"
#include "zone/tunables.hpp"
#include "zone/vm_items.hpp"
#include "zone/vmstat.hpp"
#include "zone/zonelist.hpp"
