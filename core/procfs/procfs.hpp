// What is seen of a machine: the text of its /proc and /sys files, byte for byte as Linux 6.1 lays
// it out, and the tunables that can be written there.
//
//   proc_tree   files by path         sysctls     /proc/sys/vm
//   sources     what they show        knobs       switches under /sys
//   estimates   sums that files show and reclaim will go by: MemAvailable, limits on dirty pages
#pragma once

#include "procfs/estimates.hpp"
#include "procfs/knobs.hpp"
#include "procfs/proc_tree.hpp"
#include "procfs/sources.hpp"
#include "procfs/sysctls.hpp"
