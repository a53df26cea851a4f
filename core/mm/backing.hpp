// What files' mappings need beside anonymous ones, in one place.
//
// Locking  mmap_lock exclusively.
#pragma once

#include "vma/vma.hpp"

namespace quire::backing {

// `vma` now shows its file: a reference, and a place among those that show it.
void attach(Vma& vma);
void detach(Vma& vma);
// Around changes of range and offset.
void before_change(Vma& vma);
void after_change(Vma& vma);

}  // namespace quire::backing
