#include "tools/run/workload_file.hpp"

#include <charconv>
#include <filesystem>
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

SyntheticSpec read_synthetic(const TomlTable& row) {
  row.allow_only({"name", "pattern", "memory", "accesses", "write_percent", "times", "threads",
                  "children", "file", "shared", "cpu"});
  SyntheticSpec spec;
  const auto pattern =
      row.choice<Pattern>("pattern", {{"sequential", Pattern::kSequential},
                                      {"random", Pattern::kRandom},
                                      {"zipf", Pattern::kZipf},
                                      {"stream", Pattern::kStream},
                                      {"fork_storm", Pattern::kForkStorm}});
  if (!row.has("pattern")) row.report("", "expected \"pattern\" or \"trace\"");
  spec.pattern = pattern.value_or(spec.pattern);
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
  return spec;
}

// Paths of traces are from the folder that `file` is in.
Workload read_workload(const TomlTable& row, const std::filesystem::path& file) {
  Workload workload;
  if (row.has("trace")) {
    row.allow_only({"trace", "cpu"});
    workload.trace = file.parent_path() / row.text("trace").value_or("");
    workload.name = workload.trace;
  } else {
    workload.synthetic = read_synthetic(row);
    workload.name = row.text("name").value_or(row.text("pattern").value_or(""));
  }
  if (const auto cpu = row.integer("cpu", {0, machine_file::kMaxCpus - 1})) {
    workload.cpu = CpuId{static_cast<std::uint16_t>(*cpu)};
    const machine_file::Place place = row.place("cpu");
    workload.cpu_place = {file, place.line, place.key, ""};
  }
  return workload;
}

Parsed<std::vector<Workload>> read_text(std::string_view text, const std::filesystem::path& file) {
  try {
    const toml::table document = toml::parse(text);
    Problems problems{file};
    const TomlTable root(document, "", problems);
    root.allow_only({"workload"});
    std::vector<Workload> workloads;
    for (const TomlTable& row : root.tables("workload"))
      workloads.push_back(read_workload(row, file));
    if (workloads.empty()) root.report("", "expected at least one [[workload]]");
    return problems.instead_of(std::move(workloads));
  } catch (const toml::parse_error& error) {
    return std::unexpected(
        ParseError{file, error.source().begin.line, "", std::string(error.description())});
  }
}

Parsed<std::vector<Workload>> read_file(const std::filesystem::path& path) {
  std::error_code error;
  std::ifstream stream;
  if (!std::filesystem::is_directory(path, error)) stream.open(path, std::ios::binary);
  if (!stream.is_open())
    return std::unexpected(
        ParseError{path, 0, "", "expected a workload file, found nothing readable"});
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return read_text(text, path);
}

// The number behind the last `@` of a word that is not itself a file's name; none: there is none.
std::optional<std::string_view> cpu_of(std::string_view word) {
  std::error_code error;
  const std::size_t at = word.rfind('@');
  if (at == word.npos || std::filesystem::exists(word, error)) return std::nullopt;
  const std::string_view number = word.substr(at + 1);
  if (number.empty() || number.find_first_not_of("0123456789") != number.npos) return std::nullopt;
  return number;
}

}  // namespace

Parsed<std::vector<Workload>> read_workloads(const std::string& word) {
  if (word.ends_with(".toml")) return read_file(word);
  const auto number = cpu_of(word);
  if (!number.has_value()) return std::vector{Workload{.name = word, .trace = word}};
  const std::string path = word.substr(0, word.size() - number->size() - 1);
  if (path.ends_with(".toml"))
    return std::unexpected(ParseError{
        word, 0, "", "a workload file says itself which CPUs its programs run on (cpu = 2)"});
  unsigned cpu = 0;
  const auto read = std::from_chars(number->data(), number->data() + number->size(), cpu);
  if (read.ec != std::errc{} || cpu >= machine_file::kMaxCpus)
    return std::unexpected(ParseError{
        word, 0, "", "expected a CPU below " + std::to_string(machine_file::kMaxCpus)});
  Workload workload{.name = path, .trace = path};
  workload.cpu = CpuId{static_cast<std::uint16_t>(cpu)};
  workload.cpu_place = {word, 0, "", ""};
  return std::vector{workload};
}

}  // namespace quire::run
