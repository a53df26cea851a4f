// Kernel objects: caches of objects of one size (kmem_cache), and memory of any size (kmalloc).
#pragma once

#include "slab/cache_debug.hpp"
#include "slab/cache_files.hpp"
#include "slab/cache_traces.hpp"
#include "slab/kmem_cache.hpp"
#include "slab/kmalloc.hpp"
#include "slab/layout.hpp"
#include "slab/report.hpp"
#include "slab/slab_caches.hpp"
