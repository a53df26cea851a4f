// The directories of nodes and memory blocks against raw texts of a running kernel.
#include <set>

#include "tests/procfs/recorded_machine.hpp"
#include "tools/machine_file/importers.hpp"

namespace quire::test {
namespace {

const std::filesystem::path kSysfs = QUIRE_TESTS_DIR "/oracle/sysfs";

// The files of one recording: "@ /path bytes", then that many bytes.
std::map<std::string, std::string> recorded_files(const std::string& name) {
  std::map<std::string, std::string> files;
  const std::string text = file_text(kSysfs / (name + ".txt"));
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at);
    const auto words = words_of(text.substr(at, end - at));
    const std::size_t size = std::stoul(words[2]);
    files[words[1].substr(1)] = text.substr(end + 1, size);
    at = end + 1 + size;
    if (at < text.size() && text[at] == '\n') ++at;
  }
  return files;
}

// A recording's machine, which is described beside it.
class OneMachine final : public machine_file::FileTree {
 public:
  explicit OneMachine(std::string name) : name_(std::move(name)) {}
  std::optional<std::string> read(std::string_view path) const override {
    if (path == "machine.json") return file_text(kSysfs / (name_ + ".machine.json"));
    if (path == "dmesg") return file_text(kSysfs / (name_ + ".dmesg"));
    return std::nullopt;
  }
  std::vector<std::string> list(std::string_view) const override { return {}; }
  std::string name_of(std::string_view path) const override { return std::string(path); }

 private:
  std::string name_;
};

std::unique_ptr<BootedParts> boot(const std::string& name) {
  auto machine = machine_file::import_capture(OneMachine(name));
  if (!machine.has_value()) throw std::runtime_error(machine.error().text());
  return std::make_unique<BootedParts>(*machine);
}

class Listing final : public PathVisitor {
 public:
  explicit Listing(const ProcTree& tree) { tree.list(*this); }
  void visit(std::string_view path, std::uint16_t mode) override {
    EXPECT_TRUE(modes.emplace(path, mode).second) << path << " is listed twice";
  }
  std::map<std::string, unsigned> modes;
};

bool counts_pages(const std::string& path) {
  for (const char* name : {"meminfo", "numastat", "vmstat", "zoneinfo", "buddyinfo", "iomem",
                           "pagetypeinfo", "kbytes"})
    if (path.ends_with(name)) return true;
  return false;
}

constexpr const char* kRecordings[] = {"flat-1g", "memoryless", "movable-4g", "numa4", "numa64"};

TEST(Sysfs, EachFileThatCountsNoPagesIsWhatTheKernelPrinted) {
  for (const char* name : kRecordings) {
    SCOPED_TRACE(name);
    const auto machine = boot(name);
    const Listing listing(machine->tree());
    unsigned compared = 0;
    for (const auto& [path, text] : recorded_files(name)) {
      if (!listing.modes.contains(path) || counts_pages(path)) continue;
      EXPECT_EQ(machine->read(path), text) << path;
      ++compared;
    }
    EXPECT_GT(compared, 20u);
  }
}

// Names that a recorded tree has beyond the files of ours: links, devices' own files, huge pages.
bool is_ours(const std::string& path) {
  static const std::set<std::string> kNames = {
      "online", "phys_device", "phys_index", "removable", "state", "valid_zones", "cpulist",
      "cpumap", "distance", "meminfo", "numastat", "vmstat", "has_cpu", "has_memory",
      "has_normal_memory", "has_generic_initiator", "possible", "auto_online_blocks",
      "block_size_bytes"};
  return kNames.contains(path.substr(path.rfind('/') + 1));
}

TEST(Sysfs, TheSameNodesAndMemoryBlocksAreThere) {
  for (const std::string name : {"flat-1g", "memoryless", "movable-4g", "numa4"}) {
    SCOPED_TRACE(name);
    const auto machine = boot(name);
    std::set<std::string> expected;
    for (const std::string& path : lines_of(recorded_files(name).at("tree")))
      if (is_ours(path)) expected.insert(path.substr(1));
    std::set<std::string> listed;
    for (const auto& [path, mode] : Listing(machine->tree()).modes)
      if (path.starts_with("sys/devices/")) listed.insert(path);
    EXPECT_EQ(listed, expected);
  }
}

// The mode that `ls -l` wrote, as a number.
unsigned mode_of(const std::string& letters) {
  unsigned mode = 0;
  for (std::size_t i = 1; i < 10; ++i) mode = mode * 2 + (letters[i] != '-' ? 1 : 0);
  return mode;
}

TEST(Sysfs, TunablesHaveTheModesOfTheKernelsFiles) {
  const auto machine = boot("flat-1g");
  const Listing listing(machine->tree());
  unsigned compared = 0;
  bool inside = false;
  for (const std::string& line : lines_of(recorded_files("flat-1g").at("modes"))) {
    if (line.ends_with(':')) inside = line == "/proc/sys/vm:";
    const auto words = words_of(line);
    if (!inside || words.size() < 9) continue;
    const std::string path = "proc/sys/vm/" + words.back();
    ASSERT_TRUE(listing.modes.contains(path)) << path;
    EXPECT_EQ(listing.modes.at(path), mode_of(words[0])) << path;
    ++compared;
  }
  unsigned tunables = 0;
  for (const auto& [path, mode] : listing.modes) tunables += path.starts_with("proc/sys/vm/");
  EXPECT_EQ(compared, tunables);
}

}  // namespace
}  // namespace quire::test
