// The bytes that a fuzzer was given, taken off the front as numbers; zeros when they have ended.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace quire::test {

inline void require(bool holds) {
  if (!holds) std::abort();
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : data_(data), left_(size) {}

  template <class T>
  T take() {
    T value{};
    const std::size_t count = left_ < sizeof value ? left_ : sizeof value;
    std::memcpy(&value, data_, count);
    data_ += count;
    left_ -= count;
    return value;
  }
  [[nodiscard]] bool ended() const { return left_ == 0; }
  std::string_view rest() { return {reinterpret_cast<const char*>(data_), left_}; }

 private:
  const std::uint8_t* data_;
  std::size_t left_;
};

}  // namespace quire::test
