#include "tools/oracle/compare_files.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <unordered_map>

#include "tools/machine_file/text_forms.hpp"
#include "tools/oracle/rows.hpp"
#include "tools/oracle/rules.hpp"

namespace quire::oracle {
namespace {

std::uint64_t sum_of(std::string_view value) {
  std::uint64_t sum = 0;
  for (const std::string_view word : machine_file::split(value, ' '))
    sum += machine_file::parse_digits(word, machine_file::Base::kDecimal).value_or(0);
  return sum;
}

std::vector<Row> compared_rows(std::string_view name, std::string_view text) {
  std::vector<Row> rows = rows_of(name, text);
  std::erase_if(rows, [&](const Row& row) {
    const Exception* const exception = exception_for(kind_of(name), row);
    return exception != nullptr && exception->rule == Rule::kIgnored;
  });
  return rows;
}

class FileComparer {
 public:
  FileComparer(const FilePair& files, Comparison& comparison)
      : files_(files), kind_(kind_of(files.name)), comparison_(comparison) {}

  void run() {
    const std::vector<Row> linux = compared_rows(files_.name, files_.linux);
    const std::vector<Row> here = compared_rows(files_.name, files_.here);
    std::unordered_map<std::string_view, std::size_t> places;
    for (std::size_t i = 0; i < here.size(); ++i) places.emplace(here[i].name, i);
    for (const Row& row : linux)
      if (row.label == "Hugetlb" && row.value != "0 kB") huge_pages_ = true;
    std::size_t last = 0;
    for (const Row& row : linux) {
      const auto found = places.find(row.name);
      if (found == places.end()) {
        comparison_.differ(
            fmt::format("{}: {} is there in Linux, missing here", files_.name, row.name));
        continue;
      }
      if (found->second < last)
        comparison_.differ(fmt::format("{}: {} comes later in Linux", files_.name, row.name));
      last = found->second + 1;
      compare(row, here[found->second]);
      places.erase(found);
    }
    for (const Row& row : here)
      if (places.contains(row.name))
        comparison_.differ(
            fmt::format("{}: {} is there here, not in Linux", files_.name, row.name));
    comparison_.expect(files_.linux.ends_with('\n') == files_.here.ends_with('\n'),
                       fmt::format("{} ends in a newline only on one side", files_.name));
  }

 private:
  void compare(const Row& linux, const Row& here) {
    const Rule rule = rule_for(linux);
    if (rule == Rule::kSumEqual && sum_of(linux.value) != sum_of(here.value)) {
      return comparison_.differ(fmt::format("{} are {} in all in Linux, {} here", linux.name,
                                            sum_of(linux.value), sum_of(here.value)));
    }
    const bool equal = rule == Rule::kEqual || rule == Rule::kValueEqual;
    if (equal && linux.value != here.value)
      return comparison_.compare(linux.name, linux.value, here.value);
    if (rule == Rule::kEqual ? linux.line == here.line
                             : same_layout(linux.line, here.line, width_of(kind_, linux)))
      return comparison_.agree();
    comparison_.differ(fmt::format("{}: {} is laid out as \"{}\" in Linux, \"{}\" here",
                                   files_.name, linux.name, linux.line, here.line));
  }

  // Memory in huge pages cannot be committed a second time.
  [[nodiscard]] Rule rule_for(const Row& linux) const {
    const Exception* const exception = exception_for(kind_, linux);
    if (huge_pages_ && linux.label == "CommitLimit") return Rule::kLayoutOnly;
    return exception == nullptr ? Rule::kEqual : exception->rule;
  }

  const FilePair& files_;
  FileKind kind_;
  bool huge_pages_ = false;  // in Linux
  Comparison& comparison_;
};

}  // namespace

void compare_files(const FilePair& files, Comparison& comparison) {
  FileComparer(files, comparison).run();
}

}  // namespace quire::oracle
