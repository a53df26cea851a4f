// Each file, byte for byte as a running kernel printed it, from the numbers that it printed.
#include "tests/procfs/recorded_counters.hpp"

namespace quire::test {
namespace {

// Huge pages of a pool wait until there is one.
bool has_huge_page_pool(const std::string& capture) {
  return capture.find("hugepages") != std::string::npos;
}

// That kswapd has given a node up waits until there is kswapd.
std::string with_hope(std::string zoneinfo) {
  const std::string given_up = "node_unreclaimable:  1";
  for (auto at = zoneinfo.find(given_up); at != std::string::npos; at = zoneinfo.find(given_up))
    zoneinfo[at + given_up.size() - 1] = '0';
  return zoneinfo;
}

TEST(RecordedFiles, ZoneinfoIsWhatTheKernelPrinted) {
  for (const std::string& capture : captures_with("zoneinfo")) {
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    EXPECT_EQ(machine.read("proc/zoneinfo"), with_hope(machine.recorded("zoneinfo")));
  }
}

TEST(RecordedFiles, BuddyinfoIsWhatTheKernelPrinted) {
  for (const std::string& capture : captures_with("buddyinfo")) {
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    machine.take_buddyinfo();
    EXPECT_EQ(machine.read("proc/buddyinfo"), machine.recorded("buddyinfo"));
  }
}

// Which pageblocks are counted at all, holes and shared sections considered, is computed.
TEST(RecordedFiles, PagetypeinfoIsWhatTheKernelPrinted) {
  for (const std::string& capture : captures_with("pagetypeinfo")) {
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    machine.take_pagetypeinfo();
    EXPECT_EQ(machine.read("proc/pagetypeinfo"), machine.recorded("pagetypeinfo"));
  }
}

// The limits on dirty pages are computed: free and file pages of the same moment decide them.
TEST(RecordedFiles, VmstatIsWhatTheKernelPrinted) {
  for (const std::string& capture : captures_with("vmstat")) {
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    machine.take_vmstat();
    EXPECT_EQ(machine.read("proc/vmstat"), machine.recorded("vmstat"));
  }
}

// MemAvailable, CommitLimit and all sums are computed.
TEST(RecordedFiles, MeminfoIsWhatTheKernelPrinted) {
  for (const std::string& capture : captures_with("meminfo")) {
    if (has_huge_page_pool(capture)) continue;
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    machine.take_meminfo();
    EXPECT_EQ(machine.read("proc/meminfo"), machine.recorded("meminfo"));
  }
}

TEST(RecordedFiles, MeminfoOfEachNodeIsWhatTheKernelPrinted) {
  for (const std::string& capture : captures_with("node0_meminfo")) {
    if (has_huge_page_pool(capture)) continue;
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    for (Node& node : machine.nodes.all()) {
      if (!node.online) continue;
      const std::string name = "node" + std::to_string(index_of(node.id));
      machine.take_node_meminfo(node);
      EXPECT_EQ(machine.read("sys/devices/system/node/" + name + "/meminfo"),
                machine.recorded(name + "_meminfo"));
    }
  }
}

TEST(RecordedFiles, DistancesAndCpusOfEachNodeAreWhatTheKernelPrinted) {
  for (const std::string file : {"distance", "cpulist"}) {
    for (const std::string& capture : captures_with("node0_" + file)) {
      SCOPED_TRACE(capture);
      RecordedMachine machine(capture);
      for (const Node& node : machine.nodes.all()) {
        if (!node.online) continue;
        const std::string name = "node" + std::to_string(index_of(node.id));
        EXPECT_EQ(machine.read("sys/devices/system/node/" + name + "/" + file),
                  machine.recorded(name + "_" + file));
      }
    }
  }
}

// What is kept clear behind RAM is cut short by devices, which are not ours.
TEST(RecordedFiles, RowsOfIomemStandAsInTheKernelsList) {
  for (const std::string& capture : captures_with("iomem")) {
    SCOPED_TRACE(capture);
    RecordedMachine machine(capture);
    const std::string recorded = machine.recorded("iomem");
    std::size_t from = 0;
    for (const std::string& line : lines_of(machine.read("proc/iomem"))) {
      if (line.ends_with(" : RAM buffer")) continue;
      const std::size_t found = recorded.find(line + "\n", from);
      ASSERT_NE(found, std::string::npos) << line;
      from = found;
    }
  }
}

}  // namespace
}  // namespace quire::test
