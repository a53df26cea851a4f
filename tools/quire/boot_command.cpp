#include "tools/quire/boot_command.hpp"

#include <fmt/format.h>

#include <iostream>
#include <optional>
#include <vector>

#include "tools/quire/fail.hpp"
#include "tools/quire/settings.hpp"
#include "tools/quire/trace_writer.hpp"
#include "tools/quire/tree_writer.hpp"

namespace quire::tools {
namespace {

struct BootOptions {
  std::string machine;
  std::string tree;
  std::string trace;
  std::vector<std::string> settings;
  std::uint64_t seed = 0;
  bool quiet = false;
};

void print_file(oracle::BootedMachine& machine, std::string_view path) {
  const Result<std::string> text = machine.read(path);
  if (!text.has_value()) fail(fmt::format("{}: {}", path, name_of(text.error())));
  std::cout << "\n# " << path << '\n' << *text;
}

void use(oracle::BootedMachine& machine, const BootOptions& options) {
  for (const std::string& setting : options.settings) apply_setting(machine, setting);
  if (!options.quiet) {
    print_file(machine, "proc/zoneinfo");
    print_file(machine, "proc/buddyinfo");
  }
  std::cout.flush();
  if (!std::cout) fail("what was printed could not be written");
  if (options.tree.empty()) return;
  if (const auto written = write_tree(machine, options.tree); !written) fail(written.error());
}

void run_boot(const BootOptions& options) {
  const auto file = machine_file::read(options.machine);
  if (!file) fail(file.error().text());
  SimOptions host;
  host.seed = options.seed;
  if (!options.quiet) host.log = &std::cout;
  const auto booted = oracle::BootedMachine::boot(*file, host);
  if (!booted) fail(fmt::format("{}: {}", options.machine, booted.error()));
  oracle::BootedMachine& machine = **booted;
  std::optional<TraceWriter> trace;
  if (!options.trace.empty()) machine.machine().pages().listen(&trace.emplace(options.trace));
  use(machine, options);
  if (trace) trace->finish();
}

}  // namespace

void add_boot_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "boot", "Boot a machine; print its boot log, /proc/zoneinfo and /proc/buddyinfo");
  const auto options = std::make_shared<BootOptions>();
  command->add_option("machine", options->machine, "the machine file (TOML)")->required();
  command->add_option("--proc", options->tree,
                      "write the machine's whole /proc and /sys as files below this directory");
  command->add_option("--set", options->settings, kSettingHelp)->allow_extra_args(false);
  command->add_option("--trace", options->trace,
                      "write what the page allocator does once booted, as ftrace has it; - is "
                      "standard output");
  command->add_option("--seed", options->seed, "of what the simulated host decides by chance")
      ->capture_default_str();
  command->add_flag("-q,--quiet", options->quiet, "print nothing but errors");
  command->callback([options] { run_boot(*options); });
}

}  // namespace quire::tools
