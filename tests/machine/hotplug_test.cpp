// Memory that comes and goes, held to a recorded run of a kernel that did the same.
#include "machine/hotplug.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "hosts/sim/sim_host.hpp"
#include "tests/support/audited.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire {
namespace {

const std::string kCapture = std::string(QUIRE_TESTS_DIR) + "/oracle/captures/hotplug-1g";
constexpr Pfn kAdded{1u << 20};  // 4 GiB
constexpr PageCount kBlock = kSectionPages;

PfnRange block(std::uint64_t number) {
  return {Pfn{number * kBlock.raw()}, Pfn{(number + 1) * kBlock.raw()}};
}
std::string state_of(std::uint64_t number) {
  return "sys/devices/system/memory/memory" + std::to_string(number) + "/state";
}

// The rows of zoneinfo that hot-plug decides, each with its zone.
std::string decided(const std::string& zoneinfo) {
  std::istringstream lines(zoneinfo);
  std::string zone;
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("Node")) zone = line;
    const std::size_t at = line.find_first_not_of(' ');
    const std::string row = at == std::string::npos ? "" : line.substr(at);
    for (const char* name : {"min  ", "low  ", "high ", "spanned ", "present ", "managed ",
                             "protection:", "start_pfn:", "high:", "batch:"})
      if (row.starts_with(name)) kept += zone + " | " + row + '\n';
  }
  return kept;
}

class HotplugTest : public ::testing::Test {
 protected:
  explicit HotplugTest(const std::string& capture = kCapture)
      : file_(*machine_file::from_capture(capture)) {
    if (!machine_.boot(file_.spec()).has_value()) throw std::runtime_error("no boot");
    on_cpu_.emplace(machine_.cpus().front());
  }
  Result<std::size_t> write(const std::string& path, std::string_view text) {
    return machine_.proc().write(path, text);
  }
  std::string read(const std::string& path) {
    StringSink sink;
    return machine_.proc().read(path, sink).has_value() ? sink.text : "";
  }
  template <class Wanted>
  std::string rows_of(const std::string& path, Wanted wanted) {
    std::istringstream lines(read(path));
    std::string kept;
    for (std::string line; std::getline(lines, line);)
      if (wanted(line)) kept += line + '\n';
    return kept;
  }
  std::string rows_of_ram() {
    return rows_of("proc/iomem",
                   [](const std::string& row) { return row.ends_with(" : System RAM"); });
  }
  // The two DIMMs of the recorded machine.
  void add_dimms() {
    ASSERT_TRUE(hotplug().add(NodeId{0}, {block(32).start, block(35).end}).has_value());
    ASSERT_TRUE(hotplug().add(NodeId{1}, {block(36).start, block(37).end}).has_value());
  }
  // What was freed late in the boot is in no watermark yet; the audit wants it there.
  testing::AssertionResult balanced() {
    write("proc/sys/vm/watermark_scale_factor", "10").value();
    return audited(machine_);
  }
  Hotplug& hotplug() { return machine_.hotplug(); }
  Zone& zone(unsigned node, ZoneType type) {
    return machine_.nodes().node(NodeId{static_cast<std::uint16_t>(node)}).zone(type);
  }

  machine_file::MachineFile file_;
  SimHost host_;
  Machine machine_{host_};
  std::optional<OnCpu> on_cpu_;
};

TEST_F(HotplugTest, EachRecordedStepLeavesZonesAsLinuxDid) {
  add_dimms();
  std::ifstream json(kCapture + "/machine.json");
  const auto description = nlohmann::json::parse(json);
  Page* held = nullptr;
  for (const auto& step : description["steps"]) {
    const std::string directory = step["dir"];
    // The kernel had pages of its own in this block by then.
    if (directory == "step11-offline_32") held = machine_.pages().allocate(Gfp::kKernel, Order{0});
    for (const auto& [name, value] : step["set"].items()) {
      const std::string text = value;
      const auto done = machine_.proc().set(name, text + "\n");
      EXPECT_EQ(done.has_value(), held == nullptr) << directory;
    }
    read("proc/sys/vm/lowmem_reserve_ratio");  // as the recording did
    std::ifstream recorded(kCapture + "/" + directory + "/zoneinfo");
    std::stringstream text;
    text << recorded.rdbuf();
    EXPECT_EQ(decided(read("proc/zoneinfo")), decided(text.str())) << directory;
    EXPECT_TRUE(balanced()) << directory;
  }
  ASSERT_NE(held, nullptr);
  EXPECT_EQ(machine_.map().pfn_of(*held).raw() / kBlock.raw(), 33u - 1);
}

TEST_F(HotplugTest, AddedMemoryIsThereAndOfflineAndCanBeRemoved) {
  const std::uint64_t managed = machine_.nodes().managed_pages();
  add_dimms();
  EXPECT_EQ(read(state_of(32)), "offline\n");
  EXPECT_EQ(read("sys/devices/system/memory/memory32/valid_zones"), "Normal Movable\n");
  EXPECT_EQ(machine_.nodes().managed_pages(), managed);
  EXPECT_EQ(hotplug().add(NodeId{0}, block(33)).error(), Errno::kExists);
  ASSERT_TRUE(hotplug().remove(block(33)).has_value());
  EXPECT_EQ(read(state_of(33)), "");
  EXPECT_EQ(hotplug().remove(block(33)).error(), Errno::kNoEntry);
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, PagesOfAnOnlineBlockAreAllocatedAndKeepItFromGoing) {
  add_dimms();
  ASSERT_TRUE(write(state_of(32), "online_movable").has_value());
  EXPECT_EQ(read("sys/devices/system/memory/memory32/valid_zones"), "Movable\n");
  Page* const page = machine_.pages().allocate(Gfp::kHighUserMovable, Order{0}, NodeId{0});
  ASSERT_NE(page, nullptr);
  EXPECT_TRUE(block(32).contains(machine_.map().pfn_of(*page)));
  EXPECT_EQ(write(state_of(32), "offline").error(), Errno::kBusy);
  EXPECT_EQ(hotplug().remove(block(32)).error(), Errno::kBusy);
  EXPECT_TRUE(balanced());
  machine_.pages().free(*page, Order{0});
  EXPECT_TRUE(write(state_of(32), "offline").has_value());
  EXPECT_FALSE(zone(0, ZoneType::kMovable).populated());
  EXPECT_TRUE(zone(0, ZoneType::kMovable).span.empty());
  EXPECT_TRUE(hotplug().remove(block(32)).has_value());
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, ASpanEndsWithItsLastOnlineBlock) {
  add_dimms();
  for (const unsigned number : {32, 33, 35}) write(state_of(number), "online_kernel").value();
  Zone& normal = zone(0, ZoneType::kNormal);
  EXPECT_EQ(normal.span, (PfnRange{kAdded, block(35).end}));
  EXPECT_EQ(normal.present, kBlock * 3);
  write(state_of(33), "offline").value();
  EXPECT_EQ(normal.span, (PfnRange{kAdded, block(35).end}));
  write(state_of(32), "offline").value();
  EXPECT_EQ(normal.span, block(35));
  EXPECT_EQ(machine_.nodes().node(NodeId{0}).span.end, block(35).end);
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, WordsThatMeanNothingOrChangeNothingAreRefused) {
  add_dimms();
  EXPECT_EQ(write(state_of(32), "up").error(), Errno::kInvalid);
  EXPECT_EQ(write(state_of(32), "offline").error(), Errno::kInvalid);
  EXPECT_EQ(write(state_of(0), "online").error(), Errno::kInvalid);
  EXPECT_EQ(write(state_of(0), "offline").error(), Errno::kInvalid);  // holes
  EXPECT_EQ(write(state_of(99), "online").error(), Errno::kNoEntry);
  const std::string online = "sys/devices/system/memory/memory32/online";
  EXPECT_TRUE(write(online, "0").has_value());
  EXPECT_TRUE(write(online, "1\n").has_value());
  EXPECT_EQ(read(online), "1\n");
  EXPECT_EQ(write("sys/devices/system/memory/memory32/removable", "1").error(), Errno::kAccess);
}

TEST_F(HotplugTest, BadRangesAreRefused) {
  EXPECT_EQ(hotplug().add(NodeId{0}, {kAdded, kAdded}).error(), Errno::kInvalid);
  EXPECT_EQ(hotplug().add(NodeId{0}, {kAdded, kAdded + PageCount{1}}).error(), Errno::kInvalid);
  EXPECT_EQ(hotplug().add(NodeId{9}, block(32)).error(), Errno::kInvalid);
  EXPECT_EQ(hotplug().add(NodeId{0}, block(std::uint64_t{1} << 40)).error(), Errno::kInvalid);
  EXPECT_EQ(hotplug().add(NodeId{0}, {kAdded, kAdded + kBlock * 9000}).error(), Errno::kNoSpace);
  EXPECT_EQ(read(state_of(32)), "");
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, BlocksComeOnlineByThemselvesWhereAskedTo) {
  ASSERT_TRUE(write("sys/devices/system/memory/auto_online_blocks", "online_movable").has_value());
  add_dimms();
  EXPECT_EQ(zone(0, ZoneType::kMovable).present, kBlock * 4);
  EXPECT_EQ(zone(1, ZoneType::kMovable).present, kBlock * 2);
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, BootMemoryThatIsNotInUseCanGoToo) {
  const PfnRange free = block(6);
  ASSERT_TRUE(write(state_of(6), "offline").has_value());
  EXPECT_EQ(zone(1, ZoneType::kDma32).present + kBlock, PageCount{131040});
  EXPECT_TRUE(balanced());
  ASSERT_TRUE(write(state_of(6), "online").has_value());
  EXPECT_EQ(zone(1, ZoneType::kDma32).present, PageCount{131040});
  EXPECT_TRUE(zone(1, ZoneType::kDma32).span.contains(free.start));
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, AddedMemoryIsSystemRamInIomemUntilItGoes) {
  const std::string before = read("proc/iomem");
  add_dimms();
  EXPECT_NE(read("proc/iomem").find("100000000-11fffffff : System RAM\n"
                                    "120000000-12fffffff : System RAM\n"),
            std::string::npos);
  ASSERT_TRUE(hotplug().remove(block(33)).has_value());
  EXPECT_NE(read("proc/iomem").find("100000000-107ffffff : System RAM\n"
                                    "110000000-11fffffff : System RAM\n"),
            std::string::npos);
  for (const unsigned number : {32, 34, 35, 36, 37})
    ASSERT_TRUE(hotplug().remove(block(number)).has_value());
  EXPECT_EQ(read("proc/iomem"), before);
}

TEST_F(HotplugTest, CachesGiveBackTheirEmptySlabsWhenMemoryGoesOffline) {
  KmemCache& cache = **machine_.slabs().create({.name = "kept", .shape = {.size = 3000}});
  std::vector<void*> objects;
  for (unsigned i = 0; i < 200; ++i) objects.push_back(cache.alloc(Gfp::kKernel));
  for (void* const object : objects) cache.free(object);
  ASSERT_NE(CacheFiles::count(cache).slabs, 0u);
  EXPECT_FALSE(hotplug().offline(block(0)).has_value());
  EXPECT_NE(CacheFiles::count(cache).slabs, 0u) << "nothing went offline";
  ASSERT_TRUE(hotplug().offline(block(5)).has_value());
  EXPECT_EQ(CacheFiles::count(cache).slabs, 0u);
  EXPECT_TRUE(balanced());
}

TEST_F(HotplugTest, WhereMemoryOfTheBootGoesItsRowInIomemShrinksOrFallsInTwo) {
  const auto ram = [this] { return rows_of_ram(); };
  const auto take = [this](unsigned number) {
    ASSERT_TRUE(hotplug().offline(block(number)).has_value()) << number;
    ASSERT_TRUE(hotplug().remove(block(number)).has_value()) << number;
  };
  const std::string first = "00001000-0009fbff : System RAM\n";
  ASSERT_EQ(ram(), first + "00100000-3ffdffff : System RAM\n");
  take(5);
  EXPECT_EQ(ram(), first + "00100000-27ffffff : System RAM\n30000000-3ffdffff : System RAM\n");
  take(4);
  EXPECT_EQ(ram(), first + "00100000-1fffffff : System RAM\n30000000-3ffdffff : System RAM\n");
  take(6);
  EXPECT_EQ(ram(), first + "00100000-1fffffff : System RAM\n38000000-3ffdffff : System RAM\n");
  ASSERT_TRUE(hotplug().add(NodeId{0}, block(5)).has_value());
  EXPECT_EQ(ram(), first + "00100000-1fffffff : System RAM\n28000000-2fffffff : System RAM\n"
                           "38000000-3ffdffff : System RAM\n");
  EXPECT_TRUE(balanced());
}

// A node that the firmware knows, with neither memory nor CPUs when the kernel booted.
const std::string kNodeCapture = std::string(QUIRE_TESTS_DIR) + "/oracle/hotplug-node";

class NodeHotplugTest : public HotplugTest {
 protected:
  NodeHotplugTest() : HotplugTest(kNodeCapture) {
    read("proc/sys/vm/lowmem_reserve_ratio");  // as the recording did
  }
  void add_node() {
    ASSERT_TRUE(hotplug().add(NodeId{2}, {block(32).start, block(35).end}).has_value());
  }
  std::string nodes(const std::string& which) {
    return which + " " + read("sys/devices/system/node/" + which);
  }
  // What a section of the recording holds.
  std::string state() {
    std::string text;
    for (const char* which : {"online", "possible", "has_cpu", "has_memory", "has_normal_memory"})
      text += nodes(which);
    text += rows_of_ram();
    text += decided(read("proc/zoneinfo"));
    text += "memory32 " + read(state_of(32));
    text += "memory32 " + read("sys/devices/system/memory/memory32/valid_zones");
    text += rows_of("proc/buddyinfo", [](const std::string& row) {
      return row.starts_with("Node 2");
    });
    return text;
  }
  // The recording's section in the same form.
  static std::string recorded(const std::string& name) {
    std::ifstream file(kNodeCapture + "/steps.txt");
    bool within = false;
    std::string zoneinfo;
    std::string before;
    std::string after;
    for (std::string line; std::getline(file, line);) {
      if (line.starts_with("== ")) within = line == "== " + name;
      if (!within || line.starts_with("== ")) continue;
      const bool of_zone = line.starts_with(" ") || line.ends_with("DMA") ||
                           line.ends_with("DMA32") || line.ends_with("Device") ||
                           (line.starts_with("Node") && line.find("  0") == std::string::npos);
      if (of_zone) zoneinfo += line + '\n';
      else (zoneinfo.empty() ? before : after) += line + '\n';
    }
    return before + decided(zoneinfo) + after;
  }
  std::vector<unsigned> fallback(unsigned node) {
    const Node& from = machine_.nodes().node(NodeId{static_cast<std::uint16_t>(node)});
    std::vector<unsigned> order;
    for (std::size_t i = 0; i < from.fallback_length; ++i)
      order.push_back(index_of(from.fallback_order[i]));
    return order;
  }
};

using Orders = std::vector<unsigned>;

TEST_F(NodeHotplugTest, ANodeIsPossibleAndNotOnlineUntilMemoryComes) {
  EXPECT_EQ(nodes("online"), "online 0-1\n");
  EXPECT_EQ(nodes("possible"), "possible 0-2\n");
  EXPECT_EQ(read("sys/devices/system/node/node2/distance"), "");
  EXPECT_EQ(fallback(2), (Orders{2, 0, 1}));
  add_node();
  EXPECT_EQ(read("sys/devices/system/node/node2/distance"), "20 20 10\n");
  EXPECT_EQ(fallback(2), (Orders{2, 1, 0}));
  EXPECT_TRUE(balanced());
}

TEST_F(NodeHotplugTest, EachRecordedStepLeavesTheNodeAsLinuxDid) {
  add_node();
  EXPECT_EQ(state(), recorded("start"));
  for (const unsigned number : {32, 33, 34}) write(state_of(number), "online_movable").value();
  EXPECT_EQ(state(), recorded("movable"));
  EXPECT_TRUE(balanced());
  EXPECT_EQ(fallback(0), (Orders{0, 1, 2}));
  EXPECT_EQ(fallback(1), (Orders{1, 2, 0}));
  EXPECT_EQ(fallback(2), (Orders{2, 1, 0}));
  write(state_of(35), "online_kernel").value();
  EXPECT_EQ(state(), recorded("kernel"));
  Page* const page = machine_.pages().allocate(Gfp::kKernel, Order{0}, NodeId{2});
  EXPECT_TRUE(block(35).contains(machine_.map().pfn_of(*page)));
  machine_.pages().free(*page, Order{0});
  for (const unsigned number : {32, 33, 34, 35}) write(state_of(number), "offline").value();
  EXPECT_EQ(state(), recorded("off"));
  EXPECT_TRUE(balanced());
}

TEST_F(NodeHotplugTest, ANodeGoesWithItsLastMemory) {
  add_node();
  for (const unsigned number : {32, 33, 34}) hotplug().remove(block(number)).value();
  EXPECT_EQ(nodes("online"), "online 0-2\n");
  hotplug().remove(block(35)).value();
  EXPECT_EQ(nodes("online"), "online 0-1\n");
  EXPECT_EQ(fallback(0), (Orders{0, 1}));
  EXPECT_TRUE(balanced());
}

TEST_F(NodeHotplugTest, ANodeThatTheFirmwareDoesNotKnowIsRefused) {
  EXPECT_EQ(hotplug().add(NodeId{3}, block(32)).error(), Errno::kInvalid);
}

}  // namespace
}  // namespace quire
