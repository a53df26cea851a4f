// Where a reader leaves what it could not understand: the first problem stays, since later ones
// may be its consequences.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {

// The place in a file that a value was read from.
struct Place {
  std::size_t line = 0;
  std::string key;
};

class Problems {
 public:
  explicit Problems(std::string file) : file_(std::move(file)) {}

  void report(const Place& place, std::string what) {
    if (!first_) first_ = ParseError{file_, place.line, place.key, std::move(what)};
  }
  [[nodiscard]] bool any() const { return first_.has_value(); }
  // The first problem, or else `value`.
  template <class T>
  [[nodiscard]] Parsed<T> instead_of(T value) const {
    if (first_) return std::unexpected(*first_);
    return value;
  }

 private:
  std::string file_;
  std::optional<ParseError> first_;
};

}  // namespace quire::machine_file
