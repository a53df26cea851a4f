#include "tools/machine_file/importers.hpp"

namespace quire::machine_file {
Parsed<MachineFile> import_boot_log(std::string_view text, std::string_view file) {
  const auto log = parse_boot_log(text, file);
  if (!log) return std::unexpected(log.error());
  if (log->firmware.empty()) {
    return std::unexpected(ParseError{std::string(file), 0, "BIOS-e820",
                                      "expected lines such as \"BIOS-e820: [mem 0x0-0x9fbff] "
                                      "usable\", found none"});
  }
  MachineFile machine;
  machine.command_line = log->command_line.value_or("");
  machine.firmware_map = log->firmware;
  machine.affinity = log->affinity;
  machine.cpu_nodes = cpu_nodes_of(*log, log->cpus.value_or(log->apic_nodes.size()));
  machine.distances = distances_of(log->distances, first_nodes(log->distances.size()));
  if (debian_kernel_fits(machine.firmware_map)) machine.kernel_image = debian_kernel_image();
  take_initrd(*log, machine);
  machine.gib_pages = log->gib_pages;
  return checked(std::move(machine), file);
}

}  // namespace quire::machine_file
