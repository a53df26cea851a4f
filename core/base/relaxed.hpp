// A value that is read while somebody changes it: whole, and in no order with anything else. Where
// several change it at once, one change may be lost.
#pragma once

#include <atomic>

namespace quire {

template <class T>
class Relaxed {
 public:
  constexpr Relaxed(T value = {}) : value_(value) {}  // NOLINT(google-explicit-constructor)
  Relaxed(const Relaxed& other) : value_(other.get()) {}
  Relaxed& operator=(const Relaxed& other) { return *this = other.get(); }
  Relaxed& operator=(T value) {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
  [[nodiscard]] T get() const { return value_.load(std::memory_order_relaxed); }
  operator T() const { return get(); }  // NOLINT(google-explicit-constructor)

  Relaxed& operator+=(T value) { return *this = get() + value; }
  Relaxed& operator|=(T value) { return *this = get() | value; }
  Relaxed& operator&=(T value) { return *this = get() & value; }
  Relaxed& operator++() { return *this = get() + 1; }
  Relaxed& operator--() { return *this = get() - 1; }

 private:
  std::atomic<T> value_;
};

}  // namespace quire
