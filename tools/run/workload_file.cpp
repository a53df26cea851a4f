#include "tools/run/workload_file.hpp"

#include <fstream>
#include <limits>

#include "tools/machine_file/toml_table.hpp"

namespace quire::run {

using machine_file::Parsed;
using machine_file::ParseError;
using machine_file::Problems;
using machine_file::TomlTable;

namespace {

constexpr std::int64_t kMostThreads = 4096;
constexpr std::int64_t kMostChildren = 1'000'000;

SyntheticSpec read_workload(const TomlTable& row) {
  row.allow_only({"name", "pattern", "memory", "accesses", "write_percent", "times", "threads",
                  "children", "file", "shared", "cpu"});
  SyntheticSpec spec;
  const auto pattern =
      row.choice<Pattern>("pattern", {{"sequential", Pattern::kSequential},
                                      {"random", Pattern::kRandom},
                                      {"zipf", Pattern::kZipf},
                                      {"stream", Pattern::kStream},
                                      {"fork_storm", Pattern::kForkStorm}});
  if (!row.has("pattern")) row.report("", "expected \"pattern\"");
  spec.pattern = pattern.value_or(spec.pattern);
  spec.name = row.text("name").value_or(row.text("pattern").value_or(""));
  spec.memory = row.size("memory").value_or(spec.memory);
  const auto number = [&](std::string_view key, machine_file::Limits limits, auto& value) {
    if (const auto given = row.integer(key, limits))
      value = static_cast<std::remove_reference_t<decltype(value)>>(*given);
  };
  number("accesses", {1, std::numeric_limits<std::int64_t>::max()}, spec.accesses);
  number("write_percent", {0, 100}, spec.write_percent);
  number("times", {1, PageAccess::kMostTimes}, spec.times);
  number("threads", {1, kMostThreads}, spec.threads);
  number("children", {1, kMostChildren}, spec.children);
  spec.file = row.text("file").value_or("");
  spec.shared = row.flag("shared").value_or(false);
  if (const auto cpu = row.integer("cpu", {0, machine_file::kMaxCpus - 1}))
    spec.cpu = CpuId{static_cast<std::uint16_t>(*cpu)};
  return spec;
}

}  // namespace

Parsed<std::vector<SyntheticSpec>> read_workload_text(std::string_view text,
                                                      std::string_view file) {
  try {
    const toml::table document = toml::parse(text);
    Problems problems{std::string(file)};
    const TomlTable root(document, "", problems);
    root.allow_only({"workload"});
    std::vector<SyntheticSpec> workloads;
    for (const TomlTable& row : root.tables("workload")) workloads.push_back(read_workload(row));
    if (workloads.empty()) root.report("", "expected at least one [[workload]]");
    return problems.instead_of(std::move(workloads));
  } catch (const toml::parse_error& error) {
    return std::unexpected(ParseError{std::string(file), error.source().begin.line, "",
                                      std::string(error.description())});
  }
}

Parsed<std::vector<SyntheticSpec>> read_workloads(const std::filesystem::path& path) {
  std::error_code error;
  std::ifstream stream;
  if (!std::filesystem::is_directory(path, error)) stream.open(path, std::ios::binary);
  if (!stream.is_open())
    return std::unexpected(
        ParseError{path.string(), 0, "", "expected a workload file, found nothing readable"});
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return read_workload_text(text, path.string());
}

}  // namespace quire::run
