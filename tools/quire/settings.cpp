#include "tools/quire/settings.hpp"

#include <fmt/format.h>

#include <cstring>

#include "tools/quire/fail.hpp"

namespace quire::tools {

void apply_setting(oracle::BootedMachine& machine, const std::string& setting) {
  const std::size_t equals = setting.find('=');
  if (equals == std::string::npos || equals == 0)
    fail(fmt::format("--set {}: expected NAME=VALUE, such as vm.swappiness=10", setting));
  const std::string name = setting.substr(0, equals);
  const std::string value = setting.substr(equals + 1);
  const Result<void> written = machine.write(name, value);
  if (written.has_value()) return;
  // The numbers are errno(3)'s.
  fail(fmt::format("{}: {} ({}): \"{}\"", name,
                   std::strerror(static_cast<int>(written.error())), name_of(written.error()),
                   value));
}

}  // namespace quire::tools
