// Address spaces: VMAs, the tree of them, and the Mm that has them.
#pragma once

#include "vma/accounting.hpp"
#include "vma/mm.hpp"
#include "vma/vm_area.hpp"
#include "vma/vm_flags.hpp"
#include "vma/vm_rules.hpp"
#include "vma/vma_tree.hpp"
