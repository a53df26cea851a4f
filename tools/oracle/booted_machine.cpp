#include "tools/oracle/booted_machine.hpp"

#include <fmt/format.h>

namespace quire::oracle {
namespace {

class StringSink final : public TextSink {
 public:
  void write(std::string_view piece) override { text += piece; }
  std::string text;
};

// The log's last line is that the boot failed; the one before says why.
std::string_view reason(const std::vector<std::string>& log) {
  for (auto line = log.rbegin(); line != log.rend(); ++line)
    if (!line->starts_with("boot failed")) return *line;
  return "no reason in its log";
}

class FileCollector final : public PathVisitor {
 public:
  void visit(std::string_view path, std::uint16_t mode) override {
    files.push_back({std::string(path), mode});
  }
  std::vector<BootedMachine::File> files;
};

}  // namespace

std::expected<std::unique_ptr<BootedMachine>, std::string> BootedMachine::boot(
    const machine_file::MachineFile& file, const SimOptions& options) {
  std::unique_ptr<BootedMachine> booted(new BootedMachine(options));
  const MachineSpec spec = file.spec();
  const Result<void> result = booted->machine_.boot(spec);
  if (result.has_value()) return booted;
  return std::unexpected(fmt::format("the machine does not boot: {} ({})", reason(booted->log()),
                                     name_of(result.error())));
}

Result<std::string> BootedMachine::read(std::string_view path) {
  const OnCpu on_cpu(machine_.cpus().front());
  StringSink sink;
  QUIRE_TRY(machine_.proc().read(path, sink));
  return std::move(sink.text);
}

Result<std::size_t> BootedMachine::read_words(std::string_view path, std::uint64_t first,
                                              std::span<std::uint64_t> words) {
  const OnCpu on_cpu(machine_.cpus().front());
  return machine_.proc().read_words(path, first, words);
}

Result<void> BootedMachine::write(std::string_view name, std::string_view text) {
  const OnCpu on_cpu(machine_.cpus().front());
  const ProcTree tree = machine_.proc();
  const std::string line = std::string(text) + '\n';
  std::string_view rest = line;
  while (!rest.empty()) {
    QUIRE_TRY_ASSIGN(taken, name.starts_with('/') ? tree.write(name.substr(1), rest)
                                                  : tree.set(name, rest));
    if (taken == 0) break;
    rest.remove_prefix(std::min(taken, rest.size()));
  }
  return {};
}

std::vector<BootedMachine::File> BootedMachine::files() {
  const OnCpu on_cpu(machine_.cpus().front());
  FileCollector collector;
  machine_.proc().list(collector);
  return std::move(collector.files);
}

}  // namespace quire::oracle
