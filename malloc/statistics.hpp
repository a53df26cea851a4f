// What a heap served and holds, in a few lines and a row for each size class in use: what
// QUIRE_MALLOC_STATS gives at exit.
//
// Locking  In a visit; figures of other threads are those of some moment near now.
#pragma once

#include "base/base.hpp"

namespace quire::preload {

class Heap;

// Nothing when nobody asked for it.
void print_statistics(Heap& heap);

}  // namespace quire::preload
