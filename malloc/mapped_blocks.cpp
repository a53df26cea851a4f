#include "malloc/mapped_blocks.hpp"

#include <algorithm>
#include <cstdint>

#include <sys/mman.h>

#include "malloc/process_host.hpp"

namespace quire::preload {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kMagic = 0x71756972656d6170;

// Lies a page before the block.
struct Header {
  std::uint64_t magic;
  std::byte* start;  // of the mapping
  std::size_t bytes;
};

constexpr std::size_t round_up(std::size_t size, Alignment to) {
  return (size + to.bytes - 1) & ~(to.bytes - 1);
}

Header& header_of(const void* block) {
  const auto at = reinterpret_cast<std::uintptr_t>(block);
  auto& header = *reinterpret_cast<Header*>(at - kPage);
  if (at % kPage != 0 || header.magic != kMagic) {
    print_error("free(): invalid pointer");
    __builtin_trap();
  }
  return header;
}

}  // namespace

std::size_t MappedBlocks::footprint(std::size_t size, Alignment align) {
  const std::size_t front = std::max(align.bytes, kPage);
  if (size > PTRDIFF_MAX - 2 * front) return SIZE_MAX;
  // A place that is aligned is found within `front` bytes behind the header.
  return round_up(size, {kPage}) + (front == kPage ? kPage : front + kPage);
}

void* MappedBlocks::allocate(std::size_t size, Alignment align) {
  const std::size_t bytes = footprint(size, align);
  if (bytes == SIZE_MAX) return nullptr;
  void* const mapping = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (mapping == MAP_FAILED) return nullptr;
  auto* const start = static_cast<std::byte*>(mapping);
  const auto at = reinterpret_cast<std::uintptr_t>(start) + kPage;
  auto* const block =
      reinterpret_cast<std::byte*>(round_up(at, {std::max(align.bytes, kPage)}));
  *reinterpret_cast<Header*>(block - kPage) = {kMagic, start, bytes};
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  count_.fetch_add(1, std::memory_order_relaxed);
  return block;
}

void MappedBlocks::free(void* block) {
  const Header header = header_of(block);
  ::munmap(header.start, header.bytes);
  bytes_.fetch_sub(header.bytes, std::memory_order_relaxed);
  count_.fetch_sub(1, std::memory_order_relaxed);
}

// The kernel moves the pages, not their content.
void* MappedBlocks::resize(void* block, std::size_t size) {
  Header& header = header_of(block);
  const auto front = static_cast<std::size_t>(static_cast<std::byte*>(block) - header.start);
  if (size > PTRDIFF_MAX - front) return nullptr;
  const std::size_t old_bytes = header.bytes;
  const std::size_t bytes = front + round_up(size, {kPage});
  void* const mapping = ::mremap(header.start, old_bytes, bytes, MREMAP_MAYMOVE);
  if (mapping == MAP_FAILED) return nullptr;
  auto* const start = static_cast<std::byte*>(mapping);
  *reinterpret_cast<Header*>(start + front - kPage) = {kMagic, start, bytes};
  bytes_.fetch_add(bytes - old_bytes, std::memory_order_relaxed);
  return start + front;
}

std::size_t MappedBlocks::usable_size(const void* block) {
  const Header& header = header_of(block);
  return static_cast<std::size_t>(header.start + header.bytes -
                                  static_cast<const std::byte*>(block));
}

}  // namespace quire::preload
