// Tables in an Arena: a copy of a text, and an array that grows by doubling. What it grows out of
// stays behind unused, as everything of an Arena does: for tables that are written while a machine
// boots.
//
// Errors  kNoMemory when the arena has no more; the content is then unchanged.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <type_traits>

#include "base/base.hpp"
#include "host/host.hpp"

namespace quire {

template <class T>
class ArenaVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit ArenaVector(Arena& arena) : arena_(&arena) {}

  [[nodiscard]] std::size_t size() const { return used_; }
  [[nodiscard]] std::size_t capacity() const { return slots_.size(); }
  [[nodiscard]] bool empty() const { return used_ == 0; }
  T& operator[](std::size_t i) { return slots_.first(used_)[i]; }
  const T& operator[](std::size_t i) const { return slots_.first(used_)[i]; }
  [[nodiscard]] std::span<T> span() { return slots_.first(used_); }
  [[nodiscard]] std::span<const T> span() const { return slots_.first(used_); }
  T* begin() { return slots_.data(); }
  T* end() { return slots_.data() + used_; }
  const T* begin() const { return slots_.data(); }
  const T* end() const { return slots_.data() + used_; }

  Result<void> reserve(std::size_t count) {
    if (count <= slots_.size()) return {};
    QUIRE_TRY_ASSIGN(larger, arena_->make_array<T>(max_of(count, slots_.size() * 2)));
    for (std::size_t i = 0; i < used_; ++i) larger[i] = slots_[i];
    slots_ = larger;
    return {};
  }

  Result<void> push_back(const T& value) { return insert(used_, value); }

  Result<void> insert(std::size_t at, const T& value) {
    const T copy = value;
    QUIRE_TRY(reserve(used_ + 1));
    for (std::size_t i = used_; i > at; --i) slots_[i] = slots_[i - 1];
    slots_[at] = copy;
    ++used_;
    return {};
  }

  // Takes out [first, last).
  struct Indices {
    std::size_t first, last;
  };
  void erase(Indices gone) {
    for (std::size_t i = gone.last; i < used_; ++i) slots_[gone.first + i - gone.last] = slots_[i];
    used_ -= gone.last - gone.first;
  }

  void truncate(std::size_t count) { used_ = min_of(used_, count); }

 private:
  Arena* arena_;
  std::span<T> slots_;
  std::size_t used_ = 0;
};

inline Result<std::string_view> copy_text(std::string_view text, Arena& arena) {
  QUIRE_TRY_ASSIGN(storage, arena.make_array<char>(text.size()));
  for (std::size_t i = 0; i < text.size(); ++i) storage[i] = text[i];
  return std::string_view{storage.data(), storage.size()};
}

}  // namespace quire
