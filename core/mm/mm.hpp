// The memory calls of processes: the one header of this folder for others.
#pragma once

#include "mm/calls.hpp"  // IWYU pragma: export
#include "mm/mman.hpp"   // IWYU pragma: export
