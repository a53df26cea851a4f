// Ranges of kernel addresses over scattered pages.
//
//   vmap_area      one range that is taken       vmap_areas     the index of all of them
//   vmalloc_space  vmalloc() and its kin              kvmalloc       what kvmalloc() falls back to
#pragma once

#include "vmalloc/kvmalloc.hpp"
#include "vmalloc/vmap_area.hpp"
#include "vmalloc/vmap_areas.hpp"
#include "vmalloc/vmalloc_space.hpp"
