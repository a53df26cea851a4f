#include "tools/quire/record_command.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "tools/quire/beside_tool.hpp"
#include "tools/quire/fail.hpp"
#include "tools/record/record.hpp"

namespace quire::tools {
namespace {

constexpr std::uint64_t kMostWindow = 32768;  // and the usual one

void run_record(record::RecordOptions options) {
  options.plugin = beside_tool("libquire_record.so");
  const auto recorded = record::record_program(options);
  if (!recorded) fail(recorded.error().what, recorded.error().status);
  const trace::Header& header = recorded->header;
  fmt::print(stderr, "quire: {}{}: {} accesses in {} events, {} processes, {} threads, {} KiB\n",
             recorded->interrupted ? "interrupted; " : "", options.output, header.accesses,
             header.events, header.processes, header.threads,
             (std::filesystem::file_size(options.output) + 1023) / 1024);
  if (recorded->status != 0) throw CLI::RuntimeError(recorded->status);
}

}  // namespace

void add_record_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("record", "Run a program and write what it does to its memory");
  const auto options = std::make_shared<record::RecordOptions>();
  command->add_option("-o,--output", options->output, "the trace to write: T.qtr")->required();
  command
      ->add_option("--window", options->window,
                   "touches of one page that are told at one place; 1 keeps all in order")
      ->check(CLI::Range(std::uint64_t{1}, kMostWindow));
  command->add_option("program", options->program, "what to run, and its arguments")->required();
  command->positionals_at_end();
  command->callback([options] { run_record(*options); });
}

}  // namespace quire::tools
