// The integer arithmetic that the sizing rules are written in.
#pragma once

#include <bit>
#include <cstdint>

namespace quire {

// The position of the highest set bit, counted from 1; 0 for 0 (find last set).
constexpr unsigned fls(std::uint64_t value) { return static_cast<unsigned>(std::bit_width(value)); }

// The position of the lowest set bit, counted from 0. `value` is not 0.
constexpr unsigned ffs0(std::uint64_t value) {
  return static_cast<unsigned>(std::countr_zero(value));
}

// The largest integer whose square is at most `value`.
constexpr std::uint64_t int_sqrt(std::uint64_t value) {
  std::uint64_t root = 0;
  for (std::uint64_t bit = std::uint64_t{1} << 31; bit != 0; bit >>= 1) {
    const std::uint64_t next = root | bit;
    if (next * next <= value) root = next;
  }
  return root;
}

// value * numerator / denominator without overflow of the product, as long as the quotient fits.
constexpr std::uint64_t mult_frac(std::uint64_t value, std::uint32_t numerator,
                                  std::uint64_t denominator) {
  return value / denominator * numerator + value % denominator * numerator / denominator;
}

// The highest power of two at or below `value`, which is not 0.
constexpr std::uint64_t rounddown_pow_of_two(std::uint64_t value) { return std::bit_floor(value); }

template <class T>
constexpr T min_of(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T max_of(T a, T b) {
  return a < b ? b : a;
}
template <class T>
constexpr T clamp_to(T value, T low, T high) {
  return max_of(low, min_of(value, high));
}

static_assert(int_sqrt(16 * 1000) == 126);
static_assert(fls(4) == 3);

}  // namespace quire
