// Reverse mapping: from a page to the entries that map it.
#pragma once

#include "rmap/anon_vma.hpp"
#include "rmap/page_mappings.hpp"
