#include "hosts/native/native_host.hpp"

#include <linux/mempolicy.h>
#include <sched.h>
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

}  // namespace

NativeHost::NativeHost(NativeOptions options)
    : options_(std::move(options)), start_(std::chrono::steady_clock::now()) {}

Result<std::byte*> NativeHost::reserve_tables(Bytes size, NodeId node) {
  return map("tables", size, node);
}

Result<std::byte*> NativeHost::map_frames(PfnRange frames, NodeId node) {
  return map("page frames", size_of(frames.length()), node);
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

}  // namespace quire
