#include "tools/quire/import_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "tools/machine_file/machine_file.hpp"

namespace quire::tools {
namespace {

struct ImportOptions {
  std::string source;
  std::string output = "-";
};

[[noreturn]] void refuse(const machine_file::ParseError& error) {
  fmt::print(stderr, "quire import: {}\n", error.text());
  throw CLI::RuntimeError(1);
}

void run_import(const ImportOptions& options) {
  const auto machine = machine_file::import_machine(options.source);
  if (!machine) refuse(machine.error());
  if (options.output == "-") {
    const std::string text = machine_file::write_text(*machine);
    std::fwrite(text.data(), 1, text.size(), stdout);
    return;
  }
  const auto written = machine_file::write(*machine, options.output);
  if (!written) refuse(written.error());
}

}  // namespace

void add_import_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "import", "Make a machine file from a host, a directory with a capture, or a boot log");
  const auto options = std::make_shared<ImportOptions>();
  command->add_option("path", options->source,
                      "a capture, a copy of a host's files, or a boot log; none: this host");
  command->add_option("-o,--output", options->output, "the machine file to write; -: print it")
      ->capture_default_str();
  command->callback([options] { run_import(*options); });
}

}  // namespace quire::tools
