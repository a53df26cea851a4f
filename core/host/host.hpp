// What the core demands of its surroundings: the Host object, the Arch, and what is built on them.
#pragma once

#include "host/arch.hpp"
#include "host/arena.hpp"
#include "host/contract.hpp"
#include "host/cpu_context.hpp"
#include "host/kernel_task.hpp"
#include "host/log_line.hpp"
#include "host/rw_semaphore.hpp"
#include "host/spinlock.hpp"
