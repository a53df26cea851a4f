#include "tools/oracle/machine_oracle.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "tools/oracle/boot_facts.hpp"
#include "tools/oracle/booted_machine.hpp"
#include "tools/oracle/compare_files.hpp"
#include "tools/oracle/rules.hpp"

namespace quire::oracle {
namespace {

constexpr std::string_view kTunables = "sys_vm";
constexpr std::string_view kVmFolder = "proc/sys/vm/";

// The path of what a capture calls "meminfo" or "node0_meminfo".
std::string path_of(std::string_view name) {
  const std::size_t bar = name.find('_');
  if (!name.starts_with("node") || bar == std::string_view::npos)
    return fmt::format("proc/{}", name);
  return fmt::format("sys/devices/system/node/{}/{}", name.substr(0, bar), name.substr(bar + 1));
}

bool is_ignored(std::string_view name) {
  return std::ranges::any_of(ignored_files(),
                             [&](const IgnoredFile& file) { return file.name == name; });
}

// One capture's run. Files are read in the order in which the capture's were: zoneinfo first and
// the tunables last, since reading a tunable may recompute what zoneinfo shows.
class CaptureRun {
 public:
  CaptureRun(const Capture& capture, BootedMachine& here, Comparison& comparison)
      : capture_(capture), here_(here), comparison_(comparison) {}

  void run() {
    compare_boot_facts(capture_.facts, here_, comparison_);
    compare_snapshot(capture_.boot);
    for (const Step& step : capture_.steps) {
      comparison_.set_context(fmt::format("after {}: ", step.directory));
      for (const Setting& setting : step.settings)
        if (!apply(setting)) return;
      compare_snapshot(step.files);
    }
  }

 private:
  // What is refused may have been refused by Linux too: then nothing changed, which the files
  // show. Without the file nothing that follows can be the same.
  bool apply(const Setting& setting) {
    const Result<void> written = here_.write(setting.name, setting.value);
    const bool there = written.has_value() ||
                       (written.error() != Errno::kNoEntry && written.error() != Errno::kAccess);
    comparison_.expect(there,
                       fmt::format("{} cannot be written here, so that neither this step nor "
                                   "those after it are compared",
                                   setting.name));
    return there;
  }

  void compare_snapshot(const Snapshot& snapshot) {
    compare_file(snapshot, "zoneinfo");
    for (const auto& [name, text] : snapshot)
      if (name != "zoneinfo" && name != kTunables) compare_file(snapshot, name);
    compare_file(snapshot, kTunables);
  }

  void compare_file(const Snapshot& snapshot, std::string_view name) {
    const auto found = snapshot.find(std::string(name));
    if (found == snapshot.end() || is_ignored(name)) return;
    const Result<std::string> text =
        name == kTunables ? tunables(found->second) : here_.read(path_of(name));
    if (!text.has_value()) {
      comparison_.differ(fmt::format("{} is there in Linux, here it gives {}", path_of(name),
                                     name_of(text.error())));
      return;
    }
    compare_files({name, found->second, *text}, comparison_);
  }

  // Our tunables in the form of `linux`, in its order; those that it does not have follow.
  Result<std::string> tunables(std::string_view linux) {
    std::string text;
    std::vector<std::string> done;
    for (const Row& row : rows_of(kTunables, linux)) {
      const std::string path =
          row.label.starts_with('/') ? row.label.substr(1) : std::string(kVmFolder) + row.label;
      append(row.label, path, text);
      done.push_back(path);
    }
    for (const BootedMachine::File& file : here_.files()) {
      const bool readable = (file.mode & 0400) != 0;
      if (file.path.starts_with(kVmFolder) && readable &&
          std::ranges::find(done, file.path) == done.end())
        append(file.path.substr(kVmFolder.size()), file.path, text);
    }
    return text;
  }

  void append(std::string_view label, std::string_view path, std::string& text) {
    Result<std::string> value = here_.read(path);
    if (!value.has_value()) return;
    while (value->ends_with('\n')) value->pop_back();
    text += fmt::format("{}={}\n", label, *value);
  }

  const Capture& capture_;
  BootedMachine& here_;
  Comparison& comparison_;
};

}  // namespace

Comparison compare_capture(const Capture& capture) {
  Comparison comparison;
  const auto here = BootedMachine::boot(capture.machine, {});
  if (here.has_value()) {
    CaptureRun(capture, **here, comparison).run();
  } else {
    comparison.differ(here.error());
  }
  return comparison;
}

std::expected<Comparison, std::string> check_capture(const std::filesystem::path& directory) {
  const auto capture = read_capture(directory);
  if (!capture) return std::unexpected(capture.error().text());
  return compare_capture(*capture);
}

}  // namespace quire::oracle
