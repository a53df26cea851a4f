// The comparer itself: whatever of a capture is altered must be found, and only what follows use
// may change.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/oracle/recordings.hpp"
#include "tools/oracle/compare_files.hpp"
#include "tools/oracle/machine_oracle.hpp"
#include "tools/oracle/rules.hpp"

namespace quire::oracle {
namespace {

using ::testing::HasSubstr;

Capture capture(const char* name) {
  auto read = read_capture(kRecordings / "captures" / name);
  EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().text());
  return read ? *std::move(read) : Capture{};
}

void alter(std::string& text, const std::string& old, const std::string& by) {
  const std::size_t at = text.find(old);
  ASSERT_NE(at, std::string::npos) << old;
  text.replace(at, old.size(), by);
}

struct Alteration {
  const char* name;
  const char* file;
  const char* old;
  const char* by;
  const char* words;  // of the difference; empty: none may be found
};

class AlteredFile : public ::testing::TestWithParam<Alteration> {};

TEST_P(AlteredFile, IsFoundOrFollowsUse) {
  const Alteration& change = GetParam();
  Capture altered = capture("numa2-unequal");
  ASSERT_TRUE(altered.boot.contains(change.file));
  ASSERT_TRUE(compare_capture(altered).all_agree());
  alter(altered.boot[change.file], change.old, change.by);
  const Comparison comparison = compare_capture(altered);
  if (*change.words == '\0') {
    EXPECT_TRUE(comparison.all_agree()) << comparison.text(3);
    return;
  }
  ASSERT_FALSE(comparison.all_agree());
  EXPECT_THAT(comparison.differences().front(), HasSubstr(change.words));
}

constexpr Alteration kSlabinfo[] = {
    {"ObjectSize", "slabinfo", "kmalloc-96 ", "kmalloc-95 ", "kmalloc-95 is there in Linux"},
    {"PagesOfASlab", "slabinfo", "  8192    4    8 :", "  8192    4    4 :",
     "cache dma-kmalloc-8k is 8192 4 4 in Linux, 8192 4 8 here"},
    {"Version", "slabinfo", "version: 2.1", "version: 2.0", "slabinfo line 1"},
    {"AnotherCache", "slabinfo", "dentry ", "dentre ", ""},
};

constexpr Alteration kZoneinfo[] = {
    {"Spanned", "zoneinfo", "spanned  4095", "spanned  4094",
     "node 0 zone DMA: spanned is 4094 in Linux, 4095 here"},
    {"Present", "zoneinfo", "present  3998", "present  3999", "node 0 zone DMA: present is 3999"},
    {"Managed", "zoneinfo", "managed  3840", "managed  3841", "node 0 zone DMA: managed is 3841"},
    {"Min", "zoneinfo", "min      56", "min      57", "node 0 zone DMA: min is 57"},
    {"Low", "zoneinfo", "low      70", "low      71", "node 0 zone DMA: low is 71"},
    {"High", "zoneinfo", "high     84", "high     85", "node 0 zone DMA: high is 85"},
    {"Cma", "zoneinfo", "cma      0", "cma      1", "node 0 zone DMA: cma is 1"},
    {"Protection", "zoneinfo", "(0, 1455,", "(0, 1456,", "node 0 zone DMA: protection is (0, 1456"},
    {"SetHigh", "zoneinfo", "high:  70", "high:  71", "node 0 zone DMA CPU 0: high is 71"},
    {"SetBatch", "zoneinfo", "batch: 63", "batch: 62", "node 0 zone DMA32 CPU 0: batch is 62"},
    {"Threshold", "zoneinfo", "threshold: 30", "threshold: 31", "vm stats threshold is 31"},
    {"Unreclaimable", "zoneinfo", "node_unreclaimable:  0", "node_unreclaimable:  1",
     "node_unreclaimable is 1"},
    {"StartPfn", "zoneinfo", "start_pfn:           1\n", "start_pfn:           2\n",
     "node 0 zone DMA: start_pfn is 2"},
    {"BlankFewer", "zoneinfo", "      nr_bounce    0", "      nr_bounce   0", "is laid out as"},
    {"RowMissing", "zoneinfo", "      nr_bounce    0\n", "", "nr_bounce is there here"},
    {"RowMore", "zoneinfo", "      nr_bounce    0\n", "      nr_bounce    0\n      nr_more 0\n",
     "nr_more is there in Linux, missing here"},
    {"RowsSwapped", "zoneinfo", "      numa_hit     1\n      numa_miss    0\n",
     "      numa_miss    0\n      numa_hit     1\n", "comes later in Linux"},
    {"ZoneMissing", "zoneinfo", "Node 1, zone   Device", "Node 1, zone   Devise", "Devise"},
    {"FreePages", "zoneinfo", "pages free     3584", "pages free     123456", ""},
    {"SetCount", "zoneinfo", "count: 611", "count: 6", ""},
    {"Boosted", "zoneinfo",
     "boost    0\n        min      56\n        low      70\n        high     84",
     "boost    512\n        min      568\n        low      582\n        high     596", ""},
};

constexpr Alteration kOtherFiles[] = {
    {"BuddyCount", "buddyinfo", "     0      1      3 ", "     5 1234567      3 ", ""},
    {"BuddyColumn", "buddyinfo", "     0      1      3 ", "     0       1      3 ",
     "is laid out as"},
    {"BuddyZone", "buddyinfo", "zone   Normal", "zone   Norman", "Norman"},
    {"PageblockMoved", "pagetypeinfo", "           1            7  ", "           2            6  ",
     ""},
    {"PageblockMore", "pagetypeinfo", "           1            7  ", "           2            7  ",
     "node 0 zone DMA: pageblocks are 9 in all in Linux, 8 here"},
    {"PagetypeHeader", "pagetypeinfo", "Pages per block:  512", "Pages per block:  513", "513"},
    {"MemTotal", "meminfo", "MemTotal:        6091896", "MemTotal:        6091897",
     "MemTotal is 6091897 kB"},
    {"CommitLimit", "meminfo", "CommitLimit:     3045948", "CommitLimit:     3045947",
     "CommitLimit is 3045947 kB"},
    {"MemFree", "meminfo", "MemFree:         6018992", "MemFree:               2", ""},
    {"MemFreeColumn", "meminfo", "MemFree:         6018992", "MemFree:        6018992",
     "is laid out as"},
    {"VmstatName", "vmstat", "nr_dirtied", "nr_dirtier", "nr_dirtier"},
    {"SystemRam", "iomem", "100000000-1bfffffff : System RAM", "100000000-1bffffffe : System RAM",
     "1bffffffe : System RAM is there in Linux, missing here"},
    {"KernelCode", "iomem", "  01000000-01e01ef1", "01000000-01e01ef1", "is laid out as"},
    {"Device", "iomem", "fed00000-fed003ff : HPET 0", "fed00000-fed003ff : HPET 1", ""},
    {"Swappiness", "sys_vm", "swappiness=60", "swappiness=61", "swappiness is 61 in Linux, 60"},
    {"Ratio", "sys_vm", "256\t256\t32", "256\t256\t33", "lowmem_reserve_ratio is 256\t256\t33"},
    {"MinFree", "sys_vm", "min_free_kbytes=90112", "min_free_kbytes=90113", "90113"},
    {"HugePages", "sys_vm", "[always] madvise never", "always [madvise] never", "[madvise]"},
    {"HasCpu", "sys_vm", "has_cpu=0-1", "has_cpu=0", "has_cpu is 0 in Linux, 0-1 here"},
    {"AdminReserveAtItsLimit", "sys_vm", "admin_reserve_kbytes=8192\n",
     "admin_reserve_kbytes=8193\n", "admin_reserve_kbytes is 8193"},
    {"AdminReserveBelow", "sys_vm", "admin_reserve_kbytes=8192\n", "admin_reserve_kbytes=1234\n",
     ""},
    {"UserReserve", "sys_vm", "user_reserve_kbytes=131072", "user_reserve_kbytes=1310", ""},
    {"TunableMissing", "sys_vm", "swappiness=60\n", "", "swappiness is there here"},
    {"Distance", "node0_distance", "10 17", "10 18", "node0_distance is 10 18"},
    {"CpuList", "node1_cpulist", "1-3", "1-2", "node1_cpulist is 1-2"},
    {"NodeTotal", "node0_meminfo", "MemTotal:        1514420", "MemTotal:        1514421",
     "node 0 MemTotal is 1514421 kB"},
    {"NodeUsed", "node0_meminfo", "MemUsed:           38420", "MemUsed:              20", ""},
    {"NumastatName", "node0_numastat", "numa_miss", "numa_mist", "numa_mist"},
};

constexpr auto kNameOf = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Slabinfo, AlteredFile, ::testing::ValuesIn(kSlabinfo), kNameOf);
INSTANTIATE_TEST_SUITE_P(Zoneinfo, AlteredFile, ::testing::ValuesIn(kZoneinfo), kNameOf);
INSTANTIATE_TEST_SUITE_P(OtherFiles, AlteredFile, ::testing::ValuesIn(kOtherFiles), kNameOf);

// Every fact that machine.json tells.
struct AlteredFact {
  const char* name;
  void (*alter)(BootFacts& facts);
  const char* words;
};

class AlteredDescription : public ::testing::TestWithParam<AlteredFact> {};

TEST_P(AlteredDescription, IsFound) {
  Capture altered = capture("numa4-asym");
  GetParam().alter(altered.facts);
  const Comparison comparison = compare_capture(altered);
  ASSERT_FALSE(comparison.all_agree());
  EXPECT_THAT(comparison.differences().front(), HasSubstr(GetParam().words));
}

constexpr AlteredFact kFacts[] = {
    {"ZoneRange", [](BootFacts& facts) { facts.zone_ranges[0].range.end += kib(4); },
     "zone range 0 is DMA 0x1000-0x1000fff in Linux"},
    {"ZoneMissing", [](BootFacts& facts) { facts.zone_ranges.pop_back(); },
     "zone range 2 is empty"},
    {"EarlyRange", [](BootFacts& facts) { facts.early_node_ranges[1].node = 3; },
     "early memory node range 1 is node 3"},
    {"MovableStart", [](BootFacts& facts) { facts.movable_zone_start["1"] = 4096; },
     "start of ZONE_MOVABLE on node 1 is 0x1000"},
    {"FallbackOrder",
     [](BootFacts& facts) {
       std::swap(facts.fallback_order["0"][1], facts.fallback_order["0"][2]);
     },
     "fallback order of node 0 is 0 3 1 2 in Linux, 0 1 3 2 here"},
    {"PolicyZone", [](BootFacts& facts) { facts.policy_zone = "DMA32"; }, "policy zone is DMA32"},
    {"TotalPages", [](BootFacts& facts) { facts.total_pages = "1"; }, "total pages is 1 in Linux"},
    {"Unavailable", [](BootFacts& facts) { facts.unavailable_pages[0].pages = "2"; },
     "On node 0, zone DMA: 2 pages in unavailable ranges"},
    {"Distance", [](BootFacts& facts) { facts.distance[0][1] = 16; },
     "row of distances 0 is 10 16 40 30"},
    {"Cpus", [](BootFacts& facts) { facts.node_cpus["2"] = "7"; },
     "list of CPUs of node 2 is 7 in Linux"},
    {"NodeMore", [](BootFacts& facts) { facts.node_cpus["4"] = ""; },
     "count of online nodes is 5 in Linux, 4 here"},
};
INSTANTIATE_TEST_SUITE_P(Facts, AlteredDescription, ::testing::ValuesIn(kFacts), kNameOf);

TEST(AlteredDescriptionOfAUsersMap, IsFound) {
  Capture altered = capture("hole-2g");
  altered.facts.user_map[3].range.end += kib(4);
  EXPECT_THAT(compare_capture(altered).text(1), HasSubstr("user-defined memory range 3"));
}

TEST(AlteredStep, IsFoundAndNamed) {
  Capture altered = capture("sysctl-6g");
  alter(altered.steps[5].files["zoneinfo"], "low      ", "low      1");
  EXPECT_THAT(compare_capture(altered).text(1),
              HasSubstr("after step06-min_free_4096_wsf_1000: node 0 zone DMA: low is 1"));
}

TEST(StepThatWasNotApplied, IsFound) {
  Capture altered = capture("sysctl-6g");
  altered.steps[0].settings.clear();
  EXPECT_THAT(compare_capture(altered).text(1), HasSubstr("after step01-min_free_4096: node 0"));
}

TEST(FileWithoutANewlineAtItsEnd, IsFound) {
  Comparison comparison;
  compare_files({"node0_distance", "10 20\n", "10 20"}, comparison);
  EXPECT_THAT(comparison.text(1), HasSubstr("ends in a newline only on one side"));
}

std::string fidelity() {
  std::ifstream file(QUIRE_SOURCE_DIR "/docs/FIDELITY.md");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

TEST(Fidelity, NamesEveryRowThatIsNotComparedAndWhy) {
  const std::string document = fidelity();
  for (const Exception& exception : exceptions()) {
    if (exception.rule == Rule::kEqual) continue;
    EXPECT_THAT(document, HasSubstr('`' + std::string(exception.label) + '`'));
    EXPECT_THAT(document, HasSubstr(exception.reason));
  }
  for (const IgnoredFile& file : ignored_files())
    EXPECT_THAT(document, HasSubstr('`' + std::string(file.name) + '`'));
}

TEST(Fidelity, NamesEveryRecordingWithAKnownDifference) {
  const std::string document = fidelity();
  std::ifstream file(kRecordings / "known_differences.txt");
  for (std::string line; std::getline(file, line);) {
    const std::size_t bar = line.find(" | ");
    if (line.starts_with('#') || bar == std::string::npos) continue;
    EXPECT_THAT(document, HasSubstr('`' + line.substr(0, bar) + '`'));
  }
}

}  // namespace
}  // namespace quire::oracle
