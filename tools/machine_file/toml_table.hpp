// A table of a TOML file, read key by key: every getter checks the type and the notation of what
// it reads and reports what it expected and what it found instead.
//
// Ownership  Borrows the parsed document and the Problems.
// Errors     A getter of an absent key returns nullopt and reports nothing; of a bad value,
//            returns nullopt and reports.
#pragma once

#include <toml++/toml.h>

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tools/machine_file/problems.hpp"

namespace quire::machine_file {

struct Limits {
  std::int64_t low;
  std::int64_t high;
};

template <class T>
struct Choice {
  std::string_view name;
  T value;
};

// "a boolean", "5", "\"12Q\"", ...: what an error says it found.
std::string describe(const toml::node& node);
std::size_t line_of(const toml::node& node);
std::optional<PhysAddr> address_of(const toml::node& node);
// [first, last], each an address.
std::optional<PhysRange> range_of(const toml::node& node);

class TomlTable {
 public:
  // `path` is what errors call the table, "node[1]"; "" is the whole file.
  TomlTable(const toml::table& table, std::string path, Problems& problems)
      : table_(table), path_(std::move(path)), problems_(problems) {}

  // Reports the first key that is none of `known`, and the one that was probably meant.
  void allow_only(std::initializer_list<std::string_view> known) const;

  [[nodiscard]] const toml::node* node(std::string_view key) const { return table_.get(key); }
  [[nodiscard]] Problems& problems() const { return problems_; }
  [[nodiscard]] bool has(std::string_view key) const { return node(key) != nullptr; }
  [[nodiscard]] Place place(std::string_view key) const;  // its line, or else the table's
  void report_expected(std::string_view key, std::string_view expected) const;
  void report(std::string_view key, std::string what) const;

  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<bool> flag(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view key, Limits limits) const;
  [[nodiscard]] std::optional<Bytes> size(std::string_view key) const;  // above 0
  // `start` and one of `end` (the last byte) and `size`: all three are keys of this table.
  [[nodiscard]] std::optional<PhysRange> range() const;
  [[nodiscard]] std::optional<TomlTable> table(std::string_view key) const;
  // The tables of [[key]], in order.
  [[nodiscard]] std::vector<TomlTable> tables(std::string_view key) const;

  template <class T>
  [[nodiscard]] std::optional<T> choice(std::string_view key,
                                        std::initializer_list<Choice<T>> choices) const {
    if (!has(key)) return std::nullopt;
    std::string expected;
    for (const Choice<T>& choice : choices) {
      if (const auto* word = node(key)->as_string(); word && word->get() == choice.name) {
        return choice.value;
      }
      if (!expected.empty()) expected += &choice == choices.end() - 1 ? " or " : ", ";
      expected.append("\"").append(choice.name).append("\"");
    }
    report_expected(key, expected);
    return std::nullopt;
  }

 private:
  [[nodiscard]] std::string key_path(std::string_view key) const;
  [[nodiscard]] std::optional<PhysAddr> address(std::string_view key) const;

  const toml::table& table_;
  std::string path_;
  Problems& problems_;
};

}  // namespace quire::machine_file
