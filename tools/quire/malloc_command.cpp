#include "tools/quire/malloc_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "tools/quire/beside_tool.hpp"
#include "tools/quire/fail.hpp"

namespace quire::tools {
namespace {

constexpr int kNoProgram = 127;

struct MallocOptions {
  std::string limit;
  std::string stats;
  std::vector<std::string> program;
};

[[noreturn]] void run_malloc(const MallocOptions& options) {
  std::string preload = beside_tool("libquire_malloc.so");
  const char* const others = std::getenv("LD_PRELOAD");
  if (others != nullptr && *others != '\0') preload += fmt::format(":{}", others);
  setenv("LD_PRELOAD", preload.c_str(), 1);
  if (!options.limit.empty()) setenv("QUIRE_MALLOC_LIMIT", options.limit.c_str(), 1);
  if (!options.stats.empty()) setenv("QUIRE_MALLOC_STATS", options.stats.c_str(), 1);
  std::vector<char*> arguments;
  for (const std::string& argument : options.program)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments.front(), arguments.data());
  fail(fmt::format("{}: {}", options.program.front(), std::strerror(errno)), kNoProgram);
}

}  // namespace

void add_malloc_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("malloc", "Run a program on Quire's allocator");
  const auto options = std::make_shared<MallocOptions>();
  command->add_option("--limit", options->limit, "the most memory it may have: 512M; else ENOMEM")
      ->check([](const std::string& text) -> std::string {
        const std::size_t digits = text.find_first_not_of("0123456789");
        const std::string unit = digits == std::string::npos ? "" : text.substr(digits);
        const bool good = digits != 0 && !text.empty() &&
                          (unit.empty() || unit == "K" || unit == "M" || unit == "G");
        return good ? "" : "expected a number of bytes, with K, M or G behind";
      });
  command->add_flag_callback("--stats", [options] { options->stats = "-"; },
                             "print statistics on stderr at exit");
  command->add_option("--stats-file", options->stats, "append statistics to a file at exit");
  command->add_option("program", options->program, "what to run, and its arguments")->required();
  command->positionals_at_end();
  command->callback([options] { run_malloc(*options); });
}

}  // namespace quire::tools
