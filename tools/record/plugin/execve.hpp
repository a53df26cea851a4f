// A program that runs another: qemu-user would leave it to the kernel, and lose sight of it.
#pragma once

#include "tools/record/plugin/window.hpp"

namespace quire::record {

// How this plugin was loaded, to be loaded likewise.
void remember_recorder(int argc, char** argv);

// execve or execveat: the process becomes qemu-user with this plugin and that program, and the
// call does not come back. What cannot be run is left to the guest's own call, for its errno.
void execve_begins(Thread& thread);

}  // namespace quire::record
