// Page allocation: gfp flags, the buddy free lists, per-CPU sets and the paths through them.
#pragma once

#include "page_alloc/exact.hpp"
#include "page_alloc/fast_path.hpp"
#include "page_alloc/gfp.hpp"
#include "page_alloc/helpers.hpp"
#include "page_alloc/image.hpp"
#include "page_alloc/isolation.hpp"
#include "page_alloc/mem_info.hpp"
#include "page_alloc/page_allocator.hpp"
#include "page_alloc/page_owner.hpp"
#include "page_alloc/page_text.hpp"
#include "page_alloc/reporting.hpp"
#include "page_alloc/trace.hpp"
