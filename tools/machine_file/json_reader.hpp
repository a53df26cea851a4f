// JSON read field by field, with errors that name the field: "e820[2].start: expected a number".
//
// Errors  A getter of an absent field returns nullopt and reports nothing; of a bad value, returns
//         nullopt and reports.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "tools/machine_file/problems.hpp"

namespace quire::machine_file {

using Json = nlohmann::ordered_json;

// One value of a document, and how errors call it.
class JsonField {
 public:
  JsonField(const Json& value, std::string path, Problems& problems)
      : value_(value), path_(std::move(path)), problems_(problems) {}

  [[nodiscard]] const Json& value() const { return value_; }
  void report_expected(std::string_view expected) const;

  [[nodiscard]] std::optional<JsonField> field(std::string_view key) const;
  [[nodiscard]] std::vector<JsonField> items() const;  // of a list
  [[nodiscard]] std::optional<std::string> text(std::string_view key) const;
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view key) const;
  // `start` and `end`, the last byte, of this object; both must be there.
  [[nodiscard]] std::optional<PhysRange> range() const;

 private:
  const Json& value_;
  std::string path_;
  Problems& problems_;
};

}  // namespace quire::machine_file
