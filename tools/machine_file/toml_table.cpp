#include "tools/machine_file/toml_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

constexpr std::size_t kQuotedLength = 40;

std::string in_quotes(std::string_view text) {
  const bool whole = text.size() <= kQuotedLength;
  return fmt::format("\"{}{}\"", text.substr(0, kQuotedLength), whole ? "" : "...");
}

}  // namespace

std::string describe(const toml::node& node) {
  if (const auto* text = node.as_string()) return in_quotes(text->get());
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (node.is_boolean()) return "a boolean";
  if (node.is_floating_point()) return "a number with a fraction";
  if (node.is_array_of_tables()) return "a list of tables";
  if (node.is_array()) return "a list";
  if (node.is_table()) return "a table";
  return "a date or time";
}

std::size_t line_of(const toml::node& node) { return node.source().begin.line; }

std::optional<PhysAddr> address_of(const toml::node& node) {
  std::optional<std::uint64_t> raw;
  if (const auto* text = node.as_string()) raw = parse_number(text->get());
  if (const auto* number = node.as_integer(); number && number->get() >= 0) {
    raw = static_cast<std::uint64_t>(number->get());
  }
  if (!raw || *raw >= kMaxAddress.raw()) return std::nullopt;
  return PhysAddr{*raw};
}

std::optional<PhysRange> range_of(const toml::node& node) {
  const auto* pair = node.as_array();
  if (!pair || pair->size() != 2) return std::nullopt;
  const auto first = address_of(*pair->get(0));
  const auto last = address_of(*pair->get(1));
  if (!first || !last || *last < *first) return std::nullopt;
  return PhysRange{*first, *last + Bytes{1}};
}

void TomlTable::allow_only(std::initializer_list<std::string_view> known) const {
  for (const auto& [key, value] : table_) {
    if (std::ranges::find(known, key.str()) != known.end()) continue;
    const std::string_view meant = nearest(key.str(), {known.begin(), known.size()});
    const std::string hint = meant.empty()
                                 ? fmt::format("expected one of {}", fmt::join(known, ", "))
                                 : fmt::format("did you mean \"{}\"?", meant);
    problems_.report({key.source().begin.line, key_path(key.str())}, "unknown key, " + hint);
  }
}

std::string TomlTable::key_path(std::string_view key) const {
  if (path_.empty()) return std::string(key);
  return key.empty() ? path_ : fmt::format("{}.{}", path_, key);
}

Place TomlTable::place(std::string_view key) const {
  const toml::node* value = node(key);
  return {line_of(value ? *value : table_), key_path(key)};
}

void TomlTable::report_expected(std::string_view key, std::string_view expected) const {
  const toml::node* value = node(key);
  report(key, fmt::format("expected {}, found {}", expected, value ? describe(*value) : "nothing"));
}

void TomlTable::report(std::string_view key, std::string what) const {
  problems_.report(place(key), std::move(what));
}

std::optional<std::string> TomlTable::text(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  if (const auto* value = node(key)->as_string()) return value->get();
  report_expected(key, "a string");
  return std::nullopt;
}

std::optional<bool> TomlTable::flag(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  if (const auto* value = node(key)->as_boolean()) return value->get();
  report_expected(key, "true or false");
  return std::nullopt;
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, Limits limits) const {
  if (!has(key)) return std::nullopt;
  if (const auto* value = node(key)->as_integer()) {
    if (value->get() >= limits.low && value->get() <= limits.high) return value->get();
  }
  report_expected(key, fmt::format("a number from {} to {}", limits.low, limits.high));
  return std::nullopt;
}

std::optional<Bytes> TomlTable::size(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  std::optional<Bytes> bytes;
  if (const auto* text = node(key)->as_string()) bytes = parse_size(text->get());
  if (const auto* number = node(key)->as_integer(); number && number->get() > 0) {
    bytes = Bytes{static_cast<std::uint64_t>(number->get())};
  }
  if (bytes && *bytes > Bytes{} && *bytes <= kMaxAddress - PhysAddr{}) return bytes;
  report_expected(key, "a size above 0 such as \"512M\"");
  return std::nullopt;
}

std::optional<PhysAddr> TomlTable::address(std::string_view key) const {
  if (has(key)) {
    if (const auto value = address_of(*node(key))) return value;
  }
  report_expected(key, "an address below 2^52 such as 0x100000");
  return std::nullopt;
}

std::optional<PhysRange> TomlTable::range() const {
  const auto start = address("start");
  if (!start) return std::nullopt;
  if (has("end") == has("size")) {
    report(has("end") ? "size" : "", "expected one of \"end\" and \"size\"");
    return std::nullopt;
  }
  if (has("size")) {
    const auto length = size("size");
    if (!length) return std::nullopt;
    if (*length <= kMaxAddress - *start) return PhysRange{*start, *start + *length};
    report("size", "expected a range that ends below 2^52");
    return std::nullopt;
  }
  const auto last = address("end");
  if (!last) return std::nullopt;
  if (*last >= *start) return PhysRange{*start, *last + Bytes{1}};
  report("end", fmt::format("expected the last byte of a range that starts at {:#x}, found {:#x}",
                            start->raw(), last->raw()));
  return std::nullopt;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) const {
  if (!has(key)) return std::nullopt;
  if (const auto* value = node(key)->as_table()) {
    return TomlTable(*value, key_path(key), problems_);
  }
  report_expected(key, "a table");
  return std::nullopt;
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) const {
  std::vector<TomlTable> found;
  if (!has(key)) return found;
  const auto* list = node(key)->as_array();
  const bool all_tables =
      list && std::ranges::all_of(*list, [](const toml::node& item) { return item.is_table(); });
  if (!all_tables) {
    report_expected(key, "a list of tables");
    return found;
  }
  for (const toml::node& item : *list) {
    std::string path = fmt::format("{}[{}]", key_path(key), found.size());
    found.emplace_back(*item.as_table(), std::move(path), problems_);
  }
  return found;
}

}  // namespace quire::machine_file
