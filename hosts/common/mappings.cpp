#include "hosts/common/mappings.hpp"

#include <sys/mman.h>

namespace quire {

Mappings::~Mappings() {
  for (const Mapping& mapping : mappings_) ::munmap(mapping.start, mapping.size.raw());
}

Result<std::byte*> Mappings::map(Bytes size) {
  constexpr std::uintptr_t kAlign = kMaxOrderPages.raw() * kPageSize.raw();
  const Bytes room = size.raw() < kAlign ? size : size + Bytes{kAlign};
  void* const memory = ::mmap(nullptr, room.raw(), PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return Errno::kNoMemory;
  if (huge_pages_ == HugePages::kNever) ::madvise(memory, room.raw(), MADV_NOHUGEPAGE);
  auto* const start = static_cast<std::byte*>(memory);
  const std::lock_guard guard(mutex_);
  mappings_.push_back({start, room});
  if (size.raw() < kAlign) return start;
  const auto address = reinterpret_cast<std::uintptr_t>(start);
  return start + (((address + kAlign - 1) & ~(kAlign - 1)) - address);
}

Bytes Mappings::total() const {
  const std::lock_guard guard(mutex_);
  Bytes sum;
  for (const Mapping& mapping : mappings_) sum += mapping.size;
  return sum;
}

}  // namespace quire
