// Any bytes as a machine file: read or refused with a reason, and what was read round-trips.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "tools/machine_file/machine_file.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace quire::machine_file;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto machine = read_text(text, "fuzz.toml");
  if (!machine) {
    if (machine.error().what.empty()) std::abort();
    return 0;
  }
  const auto again = read_text(write_text(*machine), "written.toml");
  if (!again || !(*again == *machine)) std::abort();
  if (machine->spec().sysctl.size() != machine->sysctl.size()) std::abort();
  return 0;
}
