// A machine of a machine file, booted on the sim host, with its files as strings.
//
// Ownership  Owns host and machine. Whoever acts on the machine is on its first CPU meanwhile.
// Errors     What kept the machine from booting, as one sentence; what a file refused, as errno.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hosts/sim/sim_host.hpp"
#include "machine/machine.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire::oracle {

class BootedMachine {
 public:
  static std::expected<std::unique_ptr<BootedMachine>, std::string> boot(
      const machine_file::MachineFile& file, const SimOptions& options);

  [[nodiscard]] Machine& machine() { return machine_; }
  [[nodiscard]] SimHost& host() { return host_; }
  [[nodiscard]] const std::vector<std::string>& log() const { return host_.log_lines(); }

  // The whole text of a file: "proc/zoneinfo".
  Result<std::string> read(std::string_view path);
  // Of a file of 64-bit words, as ProcTree::read_words().
  Result<std::size_t> read_words(std::string_view path, std::uint64_t first,
                                 std::span<std::uint64_t> words);
  // Writes as `echo TEXT > PATH` does, until all of the text is taken. `name` is a path that
  // begins with a slash, or what sysctl(8) calls a tunable: "vm.swappiness".
  Result<void> write(std::string_view name, std::string_view text);
  // Every file's path.
  struct File {
    std::string path;
    std::uint16_t mode;
  };
  std::vector<File> files();

 private:
  explicit BootedMachine(const SimOptions& options) : host_(options), machine_(host_) {}

  SimHost host_;
  Machine machine_;
};

}  // namespace quire::oracle
