// Page tables of two to five levels in the machine's own RAM, and the translation caches over them.
#pragma once

#include "pagetable/tlb.hpp"
#include "pagetable/tlb_checker.hpp"
#include "pagetable/tlb_cpu.hpp"
#include "pagetable/tlb_hardware.hpp"
#include "pagetable/tlb_mm.hpp"
#include "pagetable/tlb_model.hpp"
#include "pagetable/tlb_translation.hpp"
