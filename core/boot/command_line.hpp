// The kernel's command line: options separated by blanks, `name`, `name=value` or `name="a value"`.
//
// Rules      '-' and '_' are the same in a name. What stands after `--` is for the first program.
//            Of an option given more than once the last counts, unless it is one that adds up
//            (memmap=), for which for_each() visits all in order.
// Ownership  Borrows the text.
// Errors     A value that cannot be read counts as not given, as in Linux.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/base.hpp"

namespace quire {

// A number as Linux reads sizes: decimal, 0x hexadecimal or 0 octal, then K, M, G, T, P or E.
// `text` is advanced behind it; no number reads as 0 and advances nothing.
std::uint64_t parse_size(std::string_view& text);

// `kernelcore=` and `movablecore=`: so much memory, or a percentage of all.
struct CoreAmount {
  enum class Kind : std::uint8_t { kNone, kPages, kPercent, kMirror };
  Kind kind = Kind::kNone;
  std::uint64_t value = 0;

  [[nodiscard]] PageCount pages_of(PageCount total) const;
};

class CommandLine {
 public:
  struct Option {
    std::string_view name;
    std::string_view value;  // empty for a bare name
  };

  CommandLine() = default;
  explicit CommandLine(std::string_view text) : text_(text) {}

  [[nodiscard]] std::string_view text() const { return text_; }
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const { return find(name).has_value(); }
  // hugepages=, transparent_hugepage=never, ...: the value, or `otherwise` when not given.
  [[nodiscard]] std::string_view value_or(std::string_view name, std::string_view otherwise) const;

  [[nodiscard]] CoreAmount kernelcore() const;
  [[nodiscard]] CoreAmount movablecore() const;
  [[nodiscard]] bool movable_node() const { return has("movable_node"); }
  [[nodiscard]] bool memblock_debug() const;
  [[nodiscard]] bool numa_off() const;

  // Calls visit(option) for each option, in order.
  template <class Visit>
  void for_each(Visit visit) const {
    std::string_view rest = text_;
    Option option;
    while (next(rest, option)) visit(option);
  }

 private:
  // Takes the first option off `rest`; false when there is none left.
  static bool next(std::string_view& rest, Option& option);

  std::string_view text_;
};

// Whether two option names are the same, '-' and '_' taken as one.
bool same_option(std::string_view a, std::string_view b);

}  // namespace quire
