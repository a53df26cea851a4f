// What a cache is called, and what can be changed of it while it is in use.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "base/base.hpp"

namespace quire {

// Kept with the cache: callers' text may go.
class CacheName {
 public:
  static constexpr std::size_t kMax = 47;

  CacheName() = default;
  explicit CacheName(std::string_view text) : length_(min_of(text.size(), kMax)) {
    std::copy_n(text.begin(), length_, text_.begin());
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), length_}; }

 private:
  std::size_t length_ = 0;
  std::array<char, kMax + 1> text_{};
};

// /sys/kernel/slab/<cache>: slab/cache_files.hpp.
struct CacheKnobs {
  std::optional<std::uint32_t> cpu_partial;
  std::uint32_t defrag_ratio = 100;
  bool mergeable = false;  // others may come to share its slabs
};

}  // namespace quire
