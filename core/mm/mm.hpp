// The calls of processes on their memory, and their beginning and end.
#pragma once

#include "mm/calls.hpp"
#include "mm/descriptors.hpp"
#include "mm/file_calls.hpp"
#include "mm/lifetime.hpp"
#include "mm/mman.hpp"
#include "mm/process.hpp"
#include "mm/shmem_file.hpp"
#include "mm/user_memory.hpp"
