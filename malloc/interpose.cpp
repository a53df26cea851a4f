// The names that programs and libc call.
#include <cerrno>
#include <cstddef>
#include <cstring>

#include "malloc/heap.hpp"
#include "malloc/hot_path.hpp"
#include "malloc/statistics.hpp"

using quire::preload::heap;

#define QUIRE_EXPORT extern "C" [[gnu::visibility("default")]]

namespace {

constexpr std::size_t kPage = 4096;

// What is rare is called last of all, so that what is not saves no register.
[[gnu::noinline]] void free_elsewhere(void* block) {
  if (!quire::preload::put_elsewhere(block)) heap.free(block);
}

bool is_power_of_two(std::size_t value) { return value != 0 && (value & (value - 1)) == 0; }

struct Array {
  std::size_t count;
  std::size_t size;
};
// False: there is no such number.
bool bytes_of(Array array, std::size_t& bytes) {
  if (!__builtin_mul_overflow(array.count, array.size, &bytes)) return true;
  errno = ENOMEM;
  return false;
}

}  // namespace

// Each begins with a cache line: what it costs is how soon the processor has fetched it.
QUIRE_EXPORT [[gnu::aligned(64)]] void* malloc(std::size_t size) {
  void* const object = quire::preload::take_at_hand(size);
  return object != nullptr ? object : heap.allocate(size);
}

QUIRE_EXPORT [[gnu::aligned(64)]] void free(void* block) {
  if (!quire::preload::put_at_hand(block)) [[unlikely]] free_elsewhere(block);
}

QUIRE_EXPORT void* calloc(std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  if (!bytes_of({count, size}, bytes)) return nullptr;
  void* const block = malloc(bytes);
  if (block != nullptr && !heap.comes_cleared(block)) std::memset(block, 0, bytes);
  return block;
}

QUIRE_EXPORT void* realloc(void* block, std::size_t size) {
  if (block == nullptr) return malloc(size);
  if (size != 0) return heap.resize(block, size);
  free(block);
  return nullptr;
}

QUIRE_EXPORT void* reallocarray(void* block, std::size_t count, std::size_t size) {
  std::size_t bytes = 0;
  return bytes_of({count, size}, bytes) ? realloc(block, bytes) : nullptr;
}

QUIRE_EXPORT void* aligned_alloc(std::size_t align, std::size_t size) {
  if (is_power_of_two(align)) return heap.allocate_aligned(size, {align});
  errno = EINVAL;
  return nullptr;
}

// What is no power of two is rounded up to one, as glibc does.
QUIRE_EXPORT void* memalign(std::size_t align, std::size_t size) {
  std::size_t power = sizeof(void*);
  while (power < align && power << 1 != 0) power <<= 1;
  return aligned_alloc(power, size);
}

QUIRE_EXPORT int posix_memalign(void** result, std::size_t align, std::size_t size) {
  if (!is_power_of_two(align) || align % sizeof(void*) != 0) return EINVAL;
  const int before = errno;
  void* const block = heap.allocate_aligned(size, {align});
  errno = before;
  if (block == nullptr) return ENOMEM;
  *result = block;
  return 0;
}

QUIRE_EXPORT void* valloc(std::size_t size) { return aligned_alloc(kPage, size); }

QUIRE_EXPORT void* pvalloc(std::size_t size) {
  if (size > PTRDIFF_MAX) {
    errno = ENOMEM;
    return nullptr;
  }
  return aligned_alloc(kPage, (size + kPage - 1) / kPage * kPage);
}

QUIRE_EXPORT std::size_t malloc_usable_size(void* block) {
  return block == nullptr ? 0 : heap.usable_size(block);
}

QUIRE_EXPORT int malloc_trim(std::size_t) { return heap.trim() ? 1 : 0; }

[[gnu::destructor]] static void at_exit() { quire::preload::print_statistics(heap); }
