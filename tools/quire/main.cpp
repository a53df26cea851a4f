// The command line tool. docs/CLI.md says what each command does and which exit status it has.
#include <fmt/format.h>
#include <quire/version.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "tools/quire/boot_command.hpp"
#include "tools/quire/import_command.hpp"
#include "tools/quire/malloc_command.hpp"
#include "tools/quire/oracle_command.hpp"
#include "tools/quire/record_command.hpp"
#include "tools/quire/run_command.hpp"

namespace quire::tools {
namespace {

constexpr int kUsageError = 2;

std::string version() {
  return fmt::format("quire {}.{}.{}", QUIRE_VERSION_MAJOR, QUIRE_VERSION_MINOR,
                     QUIRE_VERSION_PATCH);
}

int run(int argc, char** argv) {
  CLI::App app("quire: describe a machine, boot it, and see what Linux would make of it");
  app.set_version_flag("--version", version());
  app.require_subcommand(1);
  app.footer("\"quire COMMAND --help\" tells more about a command.");
  add_boot_command(app);
  add_import_command(app);
  add_malloc_command(app);
  add_oracle_command(app);
  add_record_command(app);
  add_run_command(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& error) {
    return error.get_exit_code();
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsageError;
  }
  return 0;
}

}  // namespace
}  // namespace quire::tools

int main(int argc, char** argv) {
  try {
    return quire::tools::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quire: %s\n", error.what());
    return 1;
  }
}
