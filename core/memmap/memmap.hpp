// Pages and where they are: the memory map under each memory model, lists of pages, pageblocks.
#pragma once

#include "memmap/memory_map.hpp"
#include "memmap/migrate_type.hpp"
#include "memmap/page.hpp"
#include "memmap/page_extension.hpp"
#include "memmap/page_list.hpp"
#include "memmap/page_use.hpp"
