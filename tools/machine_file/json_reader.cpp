#include "tools/machine_file/json_reader.hpp"

#include <fmt/format.h>

namespace quire::machine_file {

void JsonField::report_expected(std::string_view expected) const {
  problems_.report({0, path_},
                   fmt::format("expected {}, found a JSON {}", expected, value_.type_name()));
}

std::optional<JsonField> JsonField::field(std::string_view key) const {
  if (!value_.is_object()) {
    report_expected("an object");
    return std::nullopt;
  }
  const auto found = value_.find(std::string(key));
  if (found == value_.end()) return std::nullopt;
  const std::string separator = path_.empty() ? "" : ".";
  return JsonField(*found, path_ + separator + std::string(key), problems_);
}

std::vector<JsonField> JsonField::items() const {
  std::vector<JsonField> fields;
  if (!value_.is_array()) {
    report_expected("a list");
    return fields;
  }
  for (const Json& item : value_) {
    fields.emplace_back(item, fmt::format("{}[{}]", path_, fields.size()), problems_);
  }
  return fields;
}

std::optional<std::string> JsonField::text(std::string_view key) const {
  const auto found = field(key);
  if (!found) return std::nullopt;
  if (found->value_.is_string()) return found->value_.get<std::string>();
  found->report_expected("a string");
  return std::nullopt;
}

std::optional<std::uint64_t> JsonField::number(std::string_view key) const {
  const auto found = field(key);
  if (!found) return std::nullopt;
  if (found->value_.is_number_unsigned()) return found->value_.get<std::uint64_t>();
  found->report_expected("a number of 0 or more");
  return std::nullopt;
}

std::optional<PhysRange> JsonField::range() const {
  const auto start = number("start");
  const auto last = number("end");
  if (problems_.any()) return std::nullopt;
  if (start && last && *start <= *last && *last < kMaxAddress.raw()) {
    return PhysRange{PhysAddr{*start}, PhysAddr{*last + 1}};
  }
  report_expected("a range with \"start\" and \"end\", its last byte, below 2^52");
  return std::nullopt;
}

}  // namespace quire::machine_file
