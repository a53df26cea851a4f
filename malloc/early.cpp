#include "malloc/early.hpp"

#include <atomic>
#include <cstdint>

namespace quire::preload {
namespace {

constexpr std::size_t kArena = 128 * 1024;
constexpr std::size_t kHeader = 16;  // the size of what follows

alignas(16) constinit std::byte arena[kArena] = {};
constinit std::atomic<std::size_t> used = 0;

}  // namespace

void* EarlyMemory::allocate(std::size_t size) {
  if (size > kArena) return nullptr;
  const std::size_t whole = kHeader + (size + 15) / 16 * 16;
  const std::size_t at = used.fetch_add(whole, std::memory_order_relaxed);
  if (at + whole > kArena) return nullptr;
  *reinterpret_cast<std::size_t*>(arena + at) = size;
  return arena + at + kHeader;
}

bool EarlyMemory::holds(const void* pointer) {
  const auto at = reinterpret_cast<std::uintptr_t>(pointer);
  const auto start = reinterpret_cast<std::uintptr_t>(arena);
  return at >= start && at < start + kArena;
}

std::size_t EarlyMemory::usable_size(const void* pointer) {
  return *reinterpret_cast<const std::size_t*>(static_cast<const std::byte*>(pointer) - kHeader);
}

}  // namespace quire::preload
