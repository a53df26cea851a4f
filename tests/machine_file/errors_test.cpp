// Every error names the file, the line, the key and what was expected there.
#include <gtest/gtest.h>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {
namespace {

std::string error_of(std::string_view text) {
  const auto machine = read_text(text, "m.toml");
  return machine ? "no error" : machine.error().text();
}

TEST(MachineFileErrors, AnUnknownKeySuggestsTheNearestKnownOne) {
  EXPECT_EQ(error_of("ram = \"1G\"\nmemroy_model = \"flatmem\"\n"),
            "m.toml:2: memroy_model: unknown key, did you mean \"memory_model\"?");
  EXPECT_EQ(error_of("[[node]]\nmemory = \"1G\"\ncpu = \"0\"\n"),
            "m.toml:3: node[0].cpu: unknown key, did you mean \"cpus\"?");
  EXPECT_EQ(error_of("ram = \"1G\"\n[[disk]]\nzzzzzzzz = 1\n"),
            "m.toml:3: disk[0].zzzzzzzz: unknown key, expected one of name, size, rotational");
}

TEST(MachineFileErrors, ATranslationCacheWantsSetsOfAPowerOfTwo) {
  EXPECT_EQ(error_of("ram = \"1G\"\n[tlb]\nsmall = { entries = 60, ways = 4 }\n"),
            "m.toml:3: tlb.small.entries: expected 2^n times the ways, found 60");
}

TEST(MachineFileErrors, ACostIsAWholeNumberThatIsKnown) {
  EXPECT_EQ(error_of("ram = \"1G\"\n[cost]\nwalk_ns = 4\n"),
            "m.toml:3: cost.walk_ns: unknown key, did you mean \"walk_ps\"?");
  EXPECT_EQ(error_of("ram = \"1G\"\n[cost]\ndisk_mib_per_s = 0\n"),
            "m.toml:3: cost.disk_mib_per_s: expected a number from 1 to 1000000000, found 0");
}

TEST(MachineFileErrors, ANodeWantsASizeOrRanges) {
  EXPECT_EQ(error_of("[[node]]\nmemory = \"1G\"\n[[node]]\nmemory = true\n"),
            "m.toml:4: node[1].memory: expected a size such as \"512M\" or a list of ranges, "
            "found a boolean");
  EXPECT_EQ(error_of("[[node]]\nmemory = \"12Q\"\n"),
            "m.toml:2: node[0].memory: expected a size above 0 such as \"512M\", found \"12Q\"");
  EXPECT_EQ(error_of("[[node]]\nmemory = [\n  [0x0, 0xfff],\n  [0x2000, 0x1000],\n]\n"),
            "m.toml:2: node[0].memory: expected ranges [first, last] such as [0x100000, "
            "0x7fffffff], found a list on line 4");
}

TEST(MachineFileErrors, SyntaxIsSaidWithItsLine) {
  const std::string text = error_of("ram = \"1G\"\ncpus = = 2\n");
  EXPECT_TRUE(text.starts_with("m.toml:2: ")) << text;
}

TEST(MachineFileErrors, AChoiceListsWhatItCouldBe) {
  EXPECT_EQ(error_of("ram = \"1G\"\narch = \"arm64\"\n"),
            "m.toml:2: arch: expected \"x86_64\", \"x86_64_la57\" or \"x86_32\", found \"arm64\"");
  EXPECT_EQ(error_of("memory_model = 5\nram = \"1G\""),
            "m.toml:1: memory_model: expected \"sparsemem\", \"discontigmem\" or \"flatmem\", "
            "found 5");
}

TEST(MachineFileErrors, MemoryMustBeSaidOnceAndOneWay) {
  EXPECT_EQ(error_of("cpus = 2\n"),
            "m.toml:1: expected \"ram\", [[node]] with memory, or [[firmware]], found none of "
            "them");
  EXPECT_EQ(error_of("ram = \"0\"\n"),
            "m.toml:1: ram: expected a size above 0 such as \"512M\", found \"0\"");
  EXPECT_EQ(error_of("ram = \"5G\"\n[[node]]\nmemory = \"2G\"\n[[node]]\nmemory = \"4G\"\n"),
            "m.toml:1: ram: expected the 6G that the nodes hold together, found \"5G\"");
  EXPECT_EQ(error_of("ram = \"5G\"\n[[node]]\ncpus = \"0\"\n[[node]]\n"),
            "m.toml:1: ram: expected the memory of each [[node]] instead, since there are several");
  EXPECT_EQ(error_of("ram = \"33T\"\n"),
            "m.toml:1: ram: expected at most 32T of RAM in all, found 33T");
  EXPECT_EQ(error_of("ram = \"1G\"\n[[firmware]]\nstart = 0\nend = 0xfff\n"),
            "m.toml:1: ram: expected no \"ram\" where ranges say what is RAM");
  EXPECT_EQ(error_of("[[node]]\nmemory = \"1G\"\n[[firmware]]\nstart = 0\nend = 0xfff\n"),
            "m.toml:2: node[0].memory: expected a list of ranges, as elsewhere in this file, found "
            "\"1G\"");
}

TEST(MachineFileErrors, ARangeHasAStartAndAnEndBehindIt) {
  EXPECT_EQ(error_of("[[firmware]]\nend = 0xfff\n"),
            "m.toml:1: firmware[0].start: expected an address below 2^52 such as 0x100000, found "
            "nothing");
  EXPECT_EQ(error_of("[[firmware]]\nstart = 0x2000\nend = 0x1fff\n"),
            "m.toml:3: firmware[0].end: expected the last byte of a range that starts at 0x2000, "
            "found 0x1fff");
  EXPECT_EQ(error_of("[[firmware]]\nstart = 0x2000\nend = 0x2fff\nsize = 5\n"),
            "m.toml:4: firmware[0].size: expected one of \"end\" and \"size\"");
  EXPECT_EQ(error_of("[[firmware]]\nstart = \"0x10000000000000\"\nend = 1\n"),
            "m.toml:2: firmware[0].start: expected an address below 2^52 such as 0x100000, found "
            "\"0x10000000000000\"");
  EXPECT_EQ(error_of("[[firmware]]\nstart = 0xfffffffffffff\nsize = 2\n"),
            "m.toml:3: firmware[0].size: expected a range that ends below 2^52");
}

TEST(MachineFileErrors, NodesMayNotOverlap) {
  EXPECT_EQ(error_of("[[node]]\nmemory = [[0x0, 0x1fff]]\n[[node]]\nmemory = [[0x1000, 0x2fff]]\n"),
            "m.toml:4: node[1].memory: expected ranges of its own, found 0x1000-0x2fff, which "
            "overlaps 0x0-0x1fff of node 0");
}

TEST(MachineFileErrors, EachCpuStandsOnceAndNoneIsLeftOut) {
  EXPECT_EQ(error_of("[[node]]\nmemory = \"1G\"\ncpus = \"0-3\"\n[[node]]\ncpus = \"3\"\n"),
            "m.toml:5: node[1].cpus: expected each CPU once, found CPU 3 again, which node[0] has");
  EXPECT_EQ(error_of("[[node]]\nmemory = \"1G\"\ncpus = \"0,2\"\n"),
            "m.toml:1: node: expected CPUs numbered without holes, found no node with CPU 1");
  EXPECT_EQ(error_of("[[node]]\nmemory = \"1G\"\ncpus = \"0-\"\n"),
            "m.toml:3: node[0].cpus: expected a list of CPUs such as \"0-3,8\", found \"0-\"");
  EXPECT_EQ(error_of("cpus = 4\n[[node]]\nmemory = \"1G\"\ncpus = \"0\"\n"),
            "m.toml:1: cpus: expected no \"cpus\" where [[node]] says which");
  EXPECT_EQ(error_of("ram = \"1G\"\ncpus = 0\n"),
            "m.toml:2: cpus: expected a number from 1 to 8192, found 0");
}

TEST(MachineFileErrors, ThirtyTwoBitsRunOnFiftyFourCpus) {
  const std::string narrow = "arch = \"x86_32\"\nram = \"1G\"\n";
  EXPECT_TRUE(read_text(narrow + "cpus = 54\n", "m.toml").has_value());
  EXPECT_EQ(error_of(narrow + "cpus = 55\n"),
            "m.toml:3: cpus: expected at most 54 CPUs with arch = \"x86_32\", found 55");
  EXPECT_EQ(error_of("arch = \"x86_32\"\n[[node]]\nmemory = \"1G\"\ncpus = \"0-63\"\n"),
            "m.toml:2: node: expected at most 54 CPUs with arch = \"x86_32\", found 64");
}

TEST(MachineFileErrors, DistancesAreASquareWithTenOnItsDiagonal) {
  const std::string nodes = "\n[[node]]\nmemory = \"1G\"\n[[node]]\nmemory = \"1G\"\n";
  EXPECT_EQ(error_of("distances = [[10, 20]]" + nodes),
            "m.toml:1: distances: expected a list of 2 rows, one a node, found 1");
  EXPECT_EQ(error_of("distances = [[10, 20], [20]]" + nodes),
            "m.toml:1: distances: expected 2 numbers in row 1, found 1");
  EXPECT_EQ(error_of("distances = [[10, 9], [20, 10]]" + nodes),
            "m.toml:1: distances: expected 10 to 255 from node 0 to node 1, found 9");
  EXPECT_EQ(error_of("distances = [[10, 20], [20, 11]]" + nodes),
            "m.toml:1: distances: expected 10 from node 1 to node 1, found 11");
  EXPECT_EQ(error_of("distances = true" + nodes),
            "m.toml:1: distances: expected a list of 2 rows, one a node, found a boolean");
}

TEST(MachineFileErrors, TheKernelsPartsAreChecked) {
  EXPECT_EQ(error_of("ram = \"4M\"\n[kernel]\nimage = \"debian-6.1\"\n"),
            "m.toml:3: kernel.image: expected usable RAM of an x86_64 machine at "
            "0x1000000-0x37fffff, where this image lies");
  EXPECT_EQ(error_of("ram = \"1G\"\n[kernel]\nmemmap_bytes = 0\n"),
            "m.toml:3: kernel.memmap_bytes: expected a number from 1 to 4096, found 0");
  EXPECT_EQ(error_of("ram = \"1G\"\n[kernel]\ninit_on_aloc = true\n"),
            "m.toml:3: kernel.init_on_aloc: unknown key, did you mean \"init_on_alloc\"?");
  EXPECT_EQ(error_of("ram = \"1G\"\n[sysctl]\nswappiness = 1\n\"vm.swappiness\" = 2\n"),
            "m.toml:4: sysctl.vm.swappiness: expected each setting once, found it again");
  EXPECT_EQ(error_of("ram = \"1G\"\n[sysctl]\nswappiness = 1.5\n"),
            "m.toml:3: sysctl.swappiness: expected a string, a number, a boolean or a list of "
            "numbers, found a number with a fraction");
  EXPECT_EQ(error_of("ram = \"1G\"\n[[managed]]\nnode = 1\nzone = \"DMA\"\npages = 1\n"),
            "m.toml:3: managed[0].node: expected a number from 0 to 0, found 1");
  EXPECT_EQ(error_of("ram = \"1G\"\n[[managed]]\nnode = 0\nzone = \"HighMem\"\npages = 1\n"),
            "m.toml:4: managed[0].zone: expected a zone of this arch, found \"HighMem\"");
  EXPECT_EQ(error_of("ram = \"1G\"\n[[swap]]\nsize = \"1G\"\ndisk = \"sda\"\n"),
            "m.toml:4: swap[0].disk: expected the name of a [[disk]], found \"sda\"");
}

TEST(MachineFileErrors, AFileThatIsNotThereIsNamed) {
  const auto machine = read("no/such/machine.toml");
  ASSERT_FALSE(machine.has_value());
  EXPECT_EQ(machine.error().text(),
            "no/such/machine.toml: expected a machine file, found nothing readable");
}

}  // namespace
}  // namespace quire::machine_file
