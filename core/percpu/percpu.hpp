// Dynamic per-CPU memory: what stands behind per-CPU areas once the first chunk is full.
#pragma once

#include "percpu/percpu_frames.hpp"
