// Page tables of two to five levels in the machine's own RAM, the kernel's own and its address
// space, and the translation caches over them.
#pragma once

#include "pagetable/address_space.hpp"
#include "pagetable/format.hpp"
#include "pagetable/kernel_tables.hpp"
#include "pagetable/page_release.hpp"
#include "pagetable/page_tables.hpp"
#include "pagetable/recent_tables.hpp"
#include "pagetable/table_frames.hpp"
#include "pagetable/table_lock.hpp"
#include "pagetable/table_reader.hpp"
#include "pagetable/tlb.hpp"
#include "pagetable/tlb_checker.hpp"
#include "pagetable/tlb_cpu.hpp"
#include "pagetable/tlb_gather.hpp"
#include "pagetable/tlb_hardware.hpp"
#include "pagetable/tlb_mm.hpp"
#include "pagetable/tlb_model.hpp"
#include "pagetable/tlb_translation.hpp"
#include "pagetable/tlb_walker.hpp"
