// Ranges of kernel addresses over scattered pages.
#pragma once

#include "vmalloc/vmap_area.hpp"
#include "vmalloc/vmap_areas.hpp"
