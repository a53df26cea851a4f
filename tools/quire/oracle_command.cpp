#include "tools/quire/oracle_command.hpp"

#include <fmt/format.h>

#include <expected>
#include <memory>
#include <string>

#include "tools/oracle/buddy_oracle.hpp"
#include "tools/oracle/machine_oracle.hpp"
#include "tools/oracle/rules.hpp"
#include "tools/quire/fail.hpp"
#include "tools/quire/trace_writer.hpp"

namespace quire::tools {
namespace {

constexpr std::size_t kShown = 20;

struct OracleOptions {
  std::string path;
  std::string trace;
  bool verbose = false;
};

void report(const std::expected<oracle::Comparison, std::string>& comparison, bool verbose) {
  if (!comparison) fail(comparison.error(), kUnreadable);
  fmt::print("{}", comparison->text(verbose ? oracle::Comparison::kMaxKept : kShown));
  if (!comparison->all_agree()) throw CLI::RuntimeError(kFailed);
}

std::string_view name_of(oracle::FileKind kind) {
  using enum oracle::FileKind;
  switch (kind) {
    case kZoneinfo:
      return "zoneinfo";
    case kBuddyinfo:
      return "buddyinfo";
    case kPagetypeinfo:
      return "pagetypeinfo";
    case kMeminfo:
      return "meminfo";
    case kCounters:
      return "vmstat, numastat";
    case kIomem:
      return "iomem";
    case kSlabinfo:
      return "slabinfo";
    case kTunables:
      return "sys_vm";
    case kOneLine:
      return "distance, cpulist";
  }
  return "";
}

std::string_view name_of(oracle::Rule rule) {
  switch (rule) {
    case oracle::Rule::kEqual:
      return "equal";
    case oracle::Rule::kValueEqual:
      return "equal without";
    case oracle::Rule::kSumEqual:
      return "sum only";
    case oracle::Rule::kLayoutOnly:
      return "layout only";
    case oracle::Rule::kIgnored:
      return "not compared";
  }
  return "";
}

void print_rules() {
  fmt::print("Compared for equality is all but these rows:\n");
  for (const oracle::Exception& row : oracle::exceptions()) {
    if (row.rule == oracle::Rule::kEqual) continue;
    fmt::print("  {:<17} {:<24} {:<13} {}\n", name_of(row.file), row.label, name_of(row.rule),
               row.reason);
  }
  for (const oracle::IgnoredFile& file : oracle::ignored_files())
    fmt::print("  {:<17} {:<24} {:<13} {}\n", file.name, "*", "not compared", file.reason);
}

void run_machine(const OracleOptions& options) {
  if (options.verbose) print_rules();
  report(oracle::check_capture(options.path), options.verbose);
}

void run_buddy(const OracleOptions& options) {
  if (options.trace.empty()) return report(oracle::check_buddy_log(options.path), options.verbose);
  TraceWriter trace(options.trace);
  const auto comparison = oracle::check_buddy_log(options.path, &trace);
  trace.finish();
  report(comparison, options.verbose);
}

}  // namespace

void add_oracle_command(CLI::App& app) {
  CLI::App* oracle =
      app.add_subcommand("oracle", "Hold Quire against what Linux was recorded to answer");
  oracle->require_subcommand(1);
  const auto options = std::make_shared<OracleOptions>();

  CLI::App* machine = oracle->add_subcommand(
      "machine", "Boot a capture's machine; compare every field that never differs");
  machine->add_option("directory", options->path, "with machine.json and boot/")->required();
  machine->callback([options] { run_machine(*options); });

  CLI::App* buddy = oracle->add_subcommand(
      "buddy", "Replay a recorded sequence of allocations from its recorded start state");
  buddy->add_option("log", options->path, "NAME.log.gz, with NAME.machine.json beside it")
      ->required();
  buddy->add_option("--trace", options->trace,
                    "write the events of the replay here as ftrace has them; - is standard output");
  buddy->callback([options] { run_buddy(*options); });

  for (CLI::App* command : {machine, buddy})
    command->add_flag("-v,--verbose", options->verbose,
                      "print every difference, and which rows are not compared and why");
}

}  // namespace quire::tools
