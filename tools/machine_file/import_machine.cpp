#include <algorithm>

#include "tools/machine_file/importers.hpp"
#include "tools/machine_file/text_forms.hpp"

namespace quire::machine_file {
namespace {

namespace fs = std::filesystem;

void make_printable(std::string& text) {
  for (char& c : text) {
    if (c == '\t' || c == '\n') c = ' ';
    if (c < ' ' || c > '~') c = '?';
  }
}

ParseError unrecognised(const fs::path& path) {
  return {path.string(), 0, "",
          "expected a capture (with machine.json), a copy of a host's files (with proc/ or sys/) "
          "or a boot log, found none of them"};
}

Parsed<std::string> read_whole(const fs::path& path) {
  if (auto text = read_file(path)) return *std::move(text);
  return std::unexpected(ParseError{path.string(), 0, "", "expected a file that can be read"});
}

}  // namespace

std::vector<std::uint8_t> distances_of(const std::vector<std::vector<unsigned>>& rows,
                                       std::span<const NodeId> nodes) {
  if (nodes.size() < 2 || rows.size() != nodes.size()) return {};
  const std::size_t count = index_of(nodes.back()) + 1;
  std::vector<std::uint8_t> matrix(count * count, kRemoteDistance);
  for (std::size_t i = 0; i < count; ++i) matrix[i * count + i] = kLocalDistance;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (rows[i].size() != nodes.size()) return {};
    for (std::size_t j = 0; j < nodes.size(); ++j) {
      if (rows[i][j] > 255) return {};
      matrix[index_of(nodes[i]) * count + index_of(nodes[j])] =
          static_cast<std::uint8_t>(rows[i][j]);
    }
  }
  return matrix;
}

std::vector<NodeId> first_nodes(std::size_t count) {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < std::min<std::size_t>(count, kMaxNodes); ++i) {
    nodes.push_back(static_cast<NodeId>(i));
  }
  return nodes;
}

void take_initrd(const BootLog& log, MachineFile& machine) {
  if (!log.ramdisk) return;
  machine.initrd = *log.ramdisk;
  const auto words = split(machine.command_line, ' ');
  const bool told = std::ranges::find(words, "retain_initrd") != words.end();
  if (log.freed.initmem && !log.initrd_freed && !told) {
    machine.command_line += machine.command_line.empty() ? "retain_initrd" : " retain_initrd";
  }
}

Parsed<MachineFile> checked(MachineFile machine, std::string_view file) {
  make_printable(machine.name);
  make_printable(machine.command_line);
  for (Sysctl& setting : machine.sysctl) {
    make_printable(setting.name);
    make_printable(setting.value);
  }
  for (ImageRange& part : machine.kernel_image) make_printable(part.name);
  auto same = read_text(write_text(machine), file);
  if (same) return machine;
  same.error().line = 0;
  return std::unexpected(std::move(same.error()));
}

Parsed<MachineFile> from_capture(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return import_capture(DiskTree(path));
  return import_capture(DiskTree(path.parent_path()), path.filename().string());
}

Parsed<MachineFile> from_host(const fs::path& root) { return import_host(DiskTree(root)); }

Parsed<MachineFile> from_boot_log(const fs::path& path) {
  const auto text = read_whole(path);
  if (!text) return std::unexpected(text.error());
  return import_boot_log(*text, path.string());
}

Parsed<MachineFile> import_machine(const fs::path& path) {
  std::error_code error;
  if (path.empty() || path == "/") return from_host("/");
  if (fs::exists(path / "machine.json", error)) return from_capture(path);
  if (fs::exists(path / "proc", error) || fs::exists(path / "sys", error)) return from_host(path);
  if (fs::is_directory(path, error)) return std::unexpected(unrecognised(path));
  const auto text = read_whole(path);
  if (!text) return std::unexpected(text.error());
  if (trim(*text).starts_with('{')) return from_capture(path);
  if (text->find("BIOS-e820") == std::string::npos) return std::unexpected(unrecognised(path));
  return import_boot_log(*text, path.string());
}

}  // namespace quire::machine_file
