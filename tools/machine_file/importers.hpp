// The three importers on what they read, wherever it comes from.
#pragma once

#include <string_view>

#include "tools/machine_file/boot_log.hpp"
#include "tools/machine_file/file_tree.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {

// The files of a capture; `description` is its machine.json.
[[nodiscard]] Parsed<MachineFile> import_capture(const FileTree& files,
                                                 std::string_view description = "machine.json");
// A tree with proc/ and sys/.
[[nodiscard]] Parsed<MachineFile> import_host(const FileTree& files);
// The text of a boot log, which errors call `file`.
[[nodiscard]] Parsed<MachineFile> import_boot_log(std::string_view text, std::string_view file);

// The matrix of all nodes up to the last of `nodes`, whose rows and columns `rows` has; between
// others Linux's default stands. Empty when `nodes` is one node, or the rows are not as many
// numbers, of at most 255, as there are nodes.
std::vector<std::uint8_t> distances_of(const std::vector<std::vector<unsigned>>& rows,
                                       std::span<const NodeId> nodes);

// Nodes 0 to `count` - 1, of at most kMaxNodes.
std::vector<NodeId> first_nodes(std::size_t count);

// Linux hands the initrd back unless it was told not to: where a log that reaches the end of the
// boot says nothing of it, retain_initrd is what the machine was told.
void take_initrd(const BootLog& log, MachineFile& machine);

// What every importer ends with: bytes that are not printable ASCII become '?', and a machine
// that a machine file could not describe is refused for the reason that the reader gives.
[[nodiscard]] Parsed<MachineFile> checked(MachineFile machine, std::string_view file);

}  // namespace quire::machine_file
