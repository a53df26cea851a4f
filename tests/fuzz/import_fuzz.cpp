// Any bytes as something to import. The first line says what they are: "log" is followed by a boot
// log, "capture" and "host" by files, each headed by a line "=== path".
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/machine_file/memory_tree.hpp"
#include "tools/machine_file/importers.hpp"

namespace {

using namespace quire::machine_file;

MemoryTree tree_of(std::string_view text) {
  constexpr std::string_view kHeading = "=== ";
  MemoryTree::Files files;
  std::string* file = nullptr;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kHeading)) {
      file = &files[std::string(line.substr(kHeading.size()))];
    } else if (file) {
      file->append(line).push_back('\n');
    }
  }
  return MemoryTree(std::move(files));
}

Parsed<MachineFile> import_any(std::string_view kind, std::string_view text) {
  if (kind == "capture") return import_capture(tree_of(text));
  if (kind == "host") return import_host(tree_of(text));
  return import_boot_log(text, "fuzz");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const std::size_t end = std::min(text.find('\n'), text.size());
  const auto machine = import_any(text.substr(0, end), text.substr(std::min(end + 1, size)));
  if (!machine) {
    if (machine.error().what.empty()) std::abort();
    return 0;
  }
  const auto again = read_text(write_text(*machine), "written.toml");
  if (!again || !(*again == *machine)) std::abort();
  return 0;
}
