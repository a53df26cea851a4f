// A process's mappings: what a VMA is and allows, and the tree that finds it by address.
#pragma once

#include "vma/vm_area.hpp"
#include "vma/vm_flags.hpp"
#include "vma/vma_tree.hpp"
