// Boot: from what firmware, boot loader and command line say to nodes, zones and free pages.
//
//   machine_spec    what a machine is            firmware_map   which RAM is usable (e820)
//   command_line    the options                  memblock       the allocator before there is one
//   numa_info       nodes, CPUs, distances       zone_sizes     the Layout: zones of each node
//   direct_map      how all RAM gets mapped      resources      the rows of /proc/iomem
//   reservations    what is in use by then       first_chunk    per-CPU memory of the boot
//   boot_plan       these steps in order, and their result
#pragma once

#include "boot/boot_plan.hpp"
#include "boot/command_line.hpp"
#include "boot/direct_map.hpp"
#include "boot/firmware_map.hpp"
#include "boot/first_chunk.hpp"
#include "boot/holes.hpp"
#include "boot/layout.hpp"
#include "boot/machine_spec.hpp"
#include "boot/memblock.hpp"
#include "boot/movable.hpp"
#include "boot/numa_info.hpp"
#include "boot/reservations.hpp"
#include "boot/resources.hpp"
#include "boot/sections.hpp"
#include "boot/zone_sizes.hpp"
#include "boot/zone_type.hpp"
