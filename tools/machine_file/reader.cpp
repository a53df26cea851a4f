#include <fmt/format.h>

#include <fstream>
#include <iterator>

#include "tools/machine_file/machine_file.hpp"
#include "tools/machine_file/reader_parts.hpp"
#include "tools/machine_file/toml_table.hpp"

namespace quire::machine_file {
namespace {

void read_identity(const TomlTable& root, MachineFile& machine) {
  machine.name = root.text("name").value_or("");
  machine.command_line = root.text("command_line").value_or("");
  machine.arch = root.choice<ArchProfile>("arch", {{"x86_64", ArchProfile::kX86_64},
                                                   {"x86_64_la57", ArchProfile::kX86_64La57},
                                                   {"x86_32", ArchProfile::kX86_32}})
                     .value_or(ArchProfile::kX86_64);
  machine.memory_model =
      root.choice<MemoryModel>("memory_model", {{"sparsemem", MemoryModel::kSparse},
                                                {"discontigmem", MemoryModel::kDiscontig},
                                                {"flatmem", MemoryModel::kFlat}})
          .value_or(MemoryModel::kSparse);
  constexpr std::int64_t kMostNs = 1'000'000;
  if (const auto ns = root.integer("local_access_ns", {1, kMostNs}))
    machine.local_access_ns = static_cast<std::uint32_t>(*ns);
}

Parsed<MachineFile> read_document(const toml::table& document, std::string_view file) {
  Problems problems{std::string(file)};
  const TomlTable root(document, "", problems);
  root.allow_only({"name", "arch", "memory_model", "command_line", "ram", "cpus", "cpu",
                   "distances", "local_access_ns", "firmware", "affinity", "node", "kernel",
                   "sysctl", "managed", "swap", "disk", "tlb", "cost"});
  MachineFile machine;
  read_identity(root, machine);
  read_cpu(root, machine);
  read_memory(root, machine);
  if (!problems.any()) read_software(root, machine);
  return problems.instead_of(std::move(machine));
}

}  // namespace

Parsed<MachineFile> read_text(std::string_view text, std::string_view file) {
  try {
    const toml::table document = toml::parse(text);
    return read_document(document, file);
  } catch (const toml::parse_error& error) {
    return std::unexpected(ParseError{std::string(file), error.source().begin.line, "",
                                      std::string(error.description())});
  }
}

Parsed<MachineFile> read(const std::filesystem::path& path) {
  std::error_code error;
  std::ifstream stream;
  if (!std::filesystem::is_directory(path, error)) stream.open(path, std::ios::binary);
  if (!stream.is_open()) {
    return std::unexpected(
        ParseError{path.string(), 0, "", "expected a machine file, found nothing readable"});
  }
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  return read_text(text, path.string());
}

}  // namespace quire::machine_file
