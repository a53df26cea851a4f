// System calls as the recorder sees them: what they do to memory and files becomes records, the
// buffers that they read and write become touches.
//
// A call that takes memory away has the place in the order at which it began, one that gives
// memory, or whose result is told, that at which it ended: no other thread is seen to use memory
// before it is there or after it is gone.
#pragma once

#include <cstdint>

#include "tools/record/plugin/qemu_plugin.h"
#include "tools/record/plugin/window.hpp"

namespace quire::record {

void call_begins(const Call& call);
void call_ends(std::int64_t result);
void process_ends(qemu_plugin_id_t, void*);

// calls_files.cpp: what a call has done to a file.
void file_call_begins(Thread& thread);
void file_call_ends(Thread& thread, std::uint64_t result);

// buffers.cpp: touches what the kernel read and wrote for a call that gave `result`.
void touch_buffers(Thread& thread, std::int64_t result);

}  // namespace quire::record
