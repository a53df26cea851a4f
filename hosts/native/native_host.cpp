#include "hosts/native/native_host.hpp"

#include <linux/membarrier.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <utility>

namespace quire {
namespace {

// Without a real node of that number the call fails, and memory comes from where it is first
// touched.
void prefer_real_node(std::byte* memory, Bytes size, NodeId node) {
  constexpr unsigned kMaskBits = 64;
  if (index_of(node) >= kMaskBits) return;
  const unsigned long mask = 1UL << index_of(node);
  ::syscall(SYS_mbind, memory, size.raw(), MPOL_PREFERRED, &mask, kMaskBits + 1UL, 0U);
}

bool membarrier(int command) { return ::syscall(SYS_membarrier, command, 0U, 0) == 0; }

}  // namespace

NativeHost::NativeHost(NativeOptions options)
    : options_(std::move(options)),
      start_(std::chrono::steady_clock::now()),
      has_membarrier_(membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)) {}

std::uint64_t NativeHost::seed() {
  std::uint64_t seed = 0;
  const ssize_t got = ::getrandom(&seed, sizeof seed, GRND_NONBLOCK);
  return got == sizeof seed ? seed : now_ns();
}

Result<std::byte*> NativeHost::reserve_tables(Bytes size, NodeId node) {
  return map("tables", size, node);
}

Result<std::byte*> NativeHost::reserve_frames(PageCount frames) {
  return map("page frames", size_of(frames), kNoNode);
}

Result<void> NativeHost::map_frames(std::byte* at, PfnRange frames, NodeId node) {
  prefer_real_node(at, size_of(frames.length()), node);
  return {};
}

Result<std::byte*> NativeHost::map(std::string_view what, Bytes size, NodeId node) {
  const Result<std::byte*> memory = mappings_.map(size);
  if (memory.has_value())
    prefer_real_node(*memory, size, node);
  else
    log(describe_refusal(what, size, node));
  return memory;
}

void NativeHost::log(std::string_view line) {
  if (!options_.log) return;
  const std::lock_guard guard(log_mutex_);
  options_.log(line);
}

void NativeHost::panic(std::string_view report) { stop_process(report, options_.on_panic); }

std::uint64_t NativeHost::now_ns() {
  const auto elapsed = std::chrono::steady_clock::now() - start_;
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(elapsed).count());
}

void NativeHost::yield() { ::sched_yield(); }

// Where the kernel offers no membarrier, taking away a right that other CPUs may have cached makes
// it interrupt all that run this process.
void NativeHost::barrier_all() {
  if (has_membarrier_ && membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED)) return;
  const std::lock_guard guard(barrier_mutex_);
  ::mprotect(barrier_page_.data(), barrier_page_.size(), PROT_READ | PROT_WRITE);
  barrier_page_[0] = 1;
  ::mprotect(barrier_page_.data(), barrier_page_.size(), PROT_READ);
  ::mprotect(barrier_page_.data(), barrier_page_.size(), PROT_READ | PROT_WRITE);
}

}  // namespace quire
