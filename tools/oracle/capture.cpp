#include "tools/oracle/capture.hpp"

#include "tools/machine_file/file_tree.hpp"
#include "tools/machine_file/json_reader.hpp"
#include "tools/machine_file/text_forms.hpp"

namespace quire::oracle {
namespace {

using machine_file::DiskTree;
using machine_file::Json;
using machine_file::JsonField;
using machine_file::ParseError;
using machine_file::Parsed;

class FactsReader {
 public:
  explicit FactsReader(const JsonField& root) : root_(root) {}

  BootFacts read() {
    read_ranges();
    for (const JsonField& row : items_of("unavailable_pages")) {
      if (!is_row_of_text(row.value())) {
        row.report_expected("a list of node, zone and pages");
        break;
      }
      const auto& row_json = row.value();
      facts_.unavailable_pages.push_back({row_json[0].get<std::string>(),
                                          row_json[1].get<std::string>(),
                                          row_json[2].get<std::string>()});
    }
    facts_.policy_zone = text_of("policy_zone");
    facts_.total_pages = text_of("total_pages");
    for (const JsonField& row : items_of("distance"))
      facts_.distance.push_back(numbers_of(row));
    for_each_member("fallback_order", [&](const std::string& node, const JsonField& list) {
      facts_.fallback_order[node] = numbers_of(list);
    });
    for_each_member("movable_zone_start", [&](const std::string& node, const JsonField& start) {
      facts_.movable_zone_start[node] = number_of(start);
    });
    for_each_member("node_cpus", [&](const std::string& node, const JsonField& list) {
      if (list.value().is_string()) facts_.node_cpus[node] = list.value().get<std::string>();
    });
    return std::move(facts_);
  }

 private:
  static bool is_row_of_text(const Json& row) {
    return row.is_array() && row.size() == 3 && row[0].is_string() && row[1].is_string() &&
           row[2].is_string();
  }

  [[nodiscard]] std::vector<JsonField> items_of(std::string_view key) const {
    const auto found = root_.field(key);
    return found ? found->items() : std::vector<JsonField>{};
  }

  // A log that was lost leaves null.
  [[nodiscard]] std::string text_of(std::string_view key) const {
    const auto found = root_.field(key);
    return found && !found->value().is_null() ? root_.text(key).value_or("") : "";
  }

  void read_ranges() {
    for (const JsonField& row : items_of("e820_user")) {
      const auto range = row.range();
      if (!range) return;
      facts_.user_map.push_back({*range, row.text("type").value_or("")});
    }
    for (const JsonField& row : items_of("zone_ranges")) {
      const auto range = row.range();
      if (!range) return;
      facts_.zone_ranges.push_back({row.text("zone").value_or(""), *range});
    }
    for (const JsonField& row : items_of("early_node_ranges")) {
      const auto range = row.range();
      if (!range) return;
      facts_.early_node_ranges.push_back({row.number("node").value_or(0), *range});
    }
  }

  template <class Visit>
  void for_each_member(std::string_view key, Visit visit) const {
    const auto object = root_.field(key);
    if (!object || !object->value().is_object()) return;
    for (const auto& [name, unused] : object->value().items())
      if (const auto member = object->field(name)) visit(name, *member);
  }

  static std::uint64_t number_of(const JsonField& field) {
    if (field.value().is_number_unsigned()) return field.value().get<std::uint64_t>();
    field.report_expected("a number");
    return 0;
  }
  static BootFacts::NodeList numbers_of(const JsonField& list) {
    BootFacts::NodeList numbers;
    for (const JsonField& item : list.items()) numbers.push_back(number_of(item));
    return numbers;
  }

  const JsonField& root_;
  BootFacts facts_;
};

Snapshot read_snapshot(const DiskTree& files, const std::string& directory) {
  Snapshot snapshot;
  for (const std::string& name : files.list(directory))
    if (auto text = files.read(directory + "/" + name)) snapshot[name] = *std::move(text);
  return snapshot;
}

std::vector<Step> read_steps(const JsonField& root, const DiskTree& files) {
  std::vector<Step> steps;
  const auto list = root.field("steps");
  if (!list || list->value().is_null()) return steps;
  for (const JsonField& item : list->items()) {
    Step step;
    step.directory = item.text("dir").value_or("");
    const auto settings = item.field("set");
    if (step.directory.empty() || !settings || !settings->value().is_object()) {
      item.report_expected("a step with \"dir\" and \"set\"");
      return {};
    }
    for (const auto& [name, value] : settings->value().items())
      step.settings.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
    step.files = read_snapshot(files, step.directory);
    if (step.files.empty()) item.report_expected("a step whose directory holds its files");
    steps.push_back(std::move(step));
  }
  return steps;
}

}  // namespace

Parsed<Capture> read_capture(const std::filesystem::path& directory) {
  auto machine = machine_file::from_capture(directory);
  if (!machine) return std::unexpected(machine.error());
  const DiskTree files(directory);
  const std::string file = files.name_of("machine.json");
  const auto text = files.read("machine.json");
  const Json document = Json::parse(text.value_or(""), nullptr, false);
  if (document.is_discarded()) {
    return std::unexpected(ParseError{directory.string(), 0, "",
                                      "expected a capture's directory, with machine.json in it"});
  }
  machine_file::Problems problems(file);
  const JsonField root(document, "", problems);
  Capture capture{*std::move(machine), FactsReader(root).read(), read_snapshot(files, "boot"),
                  read_steps(root, files)};
  if (!capture.boot.contains("zoneinfo")) {
    return std::unexpected(ParseError{files.name_of("boot/zoneinfo"), 0, "",
                                      "expected what Linux said at boot, found nothing readable"});
  }
  return problems.instead_of(std::move(capture));
}

}  // namespace quire::oracle
