#include "malloc/process_host.hpp"

#include <cstdlib>
#include <ctime>

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace quire::preload {
namespace {

// Blocks of the largest order are then aligned in memory as they are in the machine.
constexpr std::uint64_t kWindowAlign = kMaxOrderPages.raw() * kPageSize.raw();

std::byte* map(std::uint64_t bytes) {
  void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<std::byte*>(memory);
}

bool membarrier(int command) { return ::syscall(SYS_membarrier, command, 0U, 0) == 0; }

}  // namespace

void print_error(std::string_view text) {
  iovec parts[] = {{const_cast<char*>("quire malloc: "), 14},
                   {const_cast<char*>(text.data()), text.size()},
                   {const_cast<char*>("\n"), 1}};
  [[maybe_unused]] const auto written = ::writev(STDERR_FILENO, parts, std::size(parts));
}

Result<std::byte*> ProcessHost::reserve_tables(Bytes size, NodeId) {
  std::byte* const memory = map(size.raw());
  if (memory == nullptr) return Errno::kNoMemory;
  return memory;
}

Result<std::byte*> ProcessHost::reserve_frames(PageCount frames) {
  std::byte* const memory = map(size_of(frames).raw() + kWindowAlign);
  if (memory == nullptr) return Errno::kNoMemory;
  const auto at = reinterpret_cast<std::uintptr_t>(memory);
  return memory + (kWindowAlign - at % kWindowAlign) % kWindowAlign;
}

Result<void> ProcessHost::map_frames(std::byte*, PfnRange, NodeId) { return {}; }

void ProcessHost::log(std::string_view line) {
  if (!silent_) print_error(line);
}

void ProcessHost::panic(std::string_view report) {
  print_error(report);
  std::abort();
}

std::uint64_t ProcessHost::now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

void ProcessHost::yield() { ::sched_yield(); }

// A process that may not is registered at its first barrier; where the kernel has none at all, a
// change of protection interrupts every CPU that runs this process.
void ProcessHost::barrier_all() {
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
  if (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  std::byte* const page = map(kPageSize.raw());
  if (page == nullptr) return;
  *page = std::byte{1};
  ::mprotect(page, kPageSize.raw(), PROT_READ);
  ::munmap(page, kPageSize.raw());
}

}  // namespace quire::preload
