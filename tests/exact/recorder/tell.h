// Where a recording is looked at: what /proc says is asked for, in the same way wherever it runs.
#pragma once

// Writes to all that it is going to use; then reads /proc/vmstat, what getrusage counts and
// /proc/self/smaps, in this order and without a fault, and prints them.
void tell(const char* name);
