// /proc/slabinfo and /sys/kernel/slab: as the running kernel shows its kmalloc caches, and what can
// be written.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/recorded_slabs.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

using testing::HasSubstr;

class Collect final : public TextSink, public PathVisitor {
 public:
  void write(std::string_view piece) override { text += piece; }
  void visit(std::string_view path, std::uint16_t mode) override {
    text.append(path).append(" ").append(std::to_string(mode)).append("\n");
  }
  std::string text;
};

class SlabFilesMachine : public TestMachine {
 public:
  explicit SlabFilesMachine(unsigned cpus = 1, const std::string& options = "")
      : TestMachine(shape(cpus, options)) {}
  explicit SlabFilesMachine(const Shape& shape) : TestMachine(shape) {}

  std::string read(const std::string& path) {
    Collect sink;
    EXPECT_TRUE(machine.proc().read(path, sink).has_value()) << path;
    return sink.text;
  }
  std::string file(const std::string& name) { return read("sys/kernel/slab/" + name); }
  // "ok", or the error's name.
  std::string write(const std::string& name, std::string_view text) {
    const auto result = machine.proc().write("sys/kernel/slab/" + name, text);
    return result.has_value() ? "ok" : name_of(result.error());
  }
  KmemCache& make(std::string_view name, const ObjectShape& shape) {
    return **machine.slabs().create({.name = name, .shape = shape});
  }
  std::string list() {
    Collect sink;
    machine.proc().list(sink);
    return sink.text;
  }

 private:
  static Shape shape(unsigned cpus, const std::string& options) {
    Shape shape = Shape::one_zone({64, cpus});
    shape.options = options;
    return shape;
  }
};

std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

// A row of slabinfo with its counts, which are right-aligned, blanked out.
std::string without_counts(std::string row) {
  const std::size_t slabdata = row.find("slabdata");
  for (const auto& [start, length] : {std::pair<std::size_t, std::size_t>{18, 13},
                                      {slabdata + 9, 13}})
    row.replace(start, length, length, '.');
  return row;
}

class Slabinfo : public testing::TestWithParam<unsigned> {};

TEST_P(Slabinfo, HasTheRowsOfKmallocAsTheKernelPrintsThem) {
  SlabFilesMachine m(GetParam());
  const auto ours = lines_of(m.read("proc/slabinfo"));
  const auto recorded = recorded_lines("slabinfo-cpus" + std::to_string(GetParam()));
  EXPECT_EQ(ours[0], recorded[0]);
  EXPECT_EQ(ours[1], recorded[1]);
  const auto kmalloc = [](const std::vector<std::string>& lines) {
    std::vector<std::string> rows;
    for (const std::string& line : lines)
      if (line.find("kmalloc-") != std::string::npos) rows.push_back(without_counts(line));
    return rows;
  };
  EXPECT_EQ(kmalloc(ours).size(), 52u);
  EXPECT_EQ(kmalloc(ours), kmalloc(recorded));
}
INSTANTIATE_TEST_SUITE_P(Cpus, Slabinfo, testing::Values(1u, 2u, 3u, 4u, 16u));

TEST(Slabinfo, CountsObjectsAndSlabs) {
  SlabFilesMachine m(1, "slab_nomerge");
  KmemCache& cache = m.make("of_100_bytes", {.size = 100, .flags = SlabFlags::kPoison});
  for (unsigned i = 0; i < 50; ++i) static_cast<void>(cache.alloc(Gfp::kKernel));
  EXPECT_THAT(m.read("proc/slabinfo"),
              HasSubstr("of_100_bytes          50     72    112   36    1 : tunables    0    0    0"
                        " : slabdata      2      2      0\n"));
}

struct Recording {
  const char* file;
  unsigned cpus;
  const char* options;
};
class SlabDirectory : public testing::TestWithParam<Recording> {};

TEST_P(SlabDirectory, OfEachKmallocCacheShowsWhatTheKernelsShowed) {
  SlabFilesMachine m(GetParam().cpus, GetParam().options);
  unsigned compared = 0;
  for (RecordedCache& cache : recorded_sysfs(GetParam().file)) {
    const std::string& name = cache["name"];
    if (name.find("kmalloc-") == std::string::npos) continue;
    for (const auto& [file, text] : cache) {
      if (file == "name" || file == "ctor") continue;
      EXPECT_EQ(m.file(name + "/" + file), text + "\n") << name << " " << file;
      ++compared;
    }
    EXPECT_EQ(m.file(name + "/ctor"), "");
  }
  EXPECT_EQ(compared, 52u * 18);
}
INSTANTIATE_TEST_SUITE_P(Machines, SlabDirectory,
                         testing::Values(Recording{"sysfs-plain-cpus3", 3, ""},
                                         Recording{"sysfs-plain-cpus16", 16, ""},
                                         Recording{"sysfs-debug-cpus2", 2, "slub_debug=FZPU"}));

TEST(SlabDirectory, HasTheKernelsFilesWithTheirModes) {
  SlabFilesMachine m;
  const std::string list = m.list();
  for (const std::string file :
       {"aliases", "align", "cache_dma", "cpu_slabs", "ctor", "destroy_by_rcu", "hwcache_align",
        "object_size", "objects", "objects_partial", "objs_per_slab", "order", "partial", "poison",
        "reclaim_account", "red_zone", "sanity_checks", "slab_size", "slabs", "slabs_cpu_partial",
        "store_user", "total_objects", "trace", "usersize"})
    EXPECT_THAT(list, HasSubstr("sys/kernel/slab/kmalloc-64/" + file + " 256\n"));
  for (const std::string file :
       {"cpu_partial", "min_partial", "remote_node_defrag_ratio", "shrink", "validate"})
    EXPECT_THAT(list, HasSubstr("sys/kernel/slab/kmalloc-64/" + file + " 384\n"));
  EXPECT_THAT(list, HasSubstr("proc/slabinfo 256\n"));
}

TEST(SlabDirectory, CountsByNode) {
  Shape shape = Shape::two_nodes(64);
  SlabFilesMachine m(shape);
  KmemCache& cache = m.make("counted", {.size = 1000, .flags = SlabFlags::kStoreUser});
  for (unsigned i = 0; i < 5; ++i)
    static_cast<void>(cache.alloc_node(Gfp::kKernel, node_id(i < 4 ? 0 : 1)));
  EXPECT_EQ(m.file("counted/objects"), "5 N0=4 N1=1\n");
  EXPECT_EQ(m.file("counted/slabs"), "2 N0=1 N1=1\n");
  EXPECT_EQ(m.file("counted/total_objects"), "30 N0=15 N1=15\n");
  EXPECT_EQ(m.file("counted/partial"), "2 N0=1 N1=1\n");
  EXPECT_EQ(m.file("counted/objects_partial"), "5 N0=4 N1=1\n");
  EXPECT_EQ(m.file("counted/cpu_slabs"), "0\n");
}

TEST(SlabDirectory, OfCachesThatMayBeMergedIsNamedByTheirKind) {
  SlabFilesMachine m;
  KmemCache& first = m.make("first", {.size = 100});
  KmemCache& second = m.make("second", {.size = 97});
  EXPECT_EQ(&first, &second);
  m.make("reclaimable", {.size = 2496, .flags = SlabFlags::kReclaimAccount});
  EXPECT_EQ(m.file(":0000104/aliases"), "1\n");
  EXPECT_EQ(m.file("second/aliases"), "1\n");
  EXPECT_EQ(m.file("first/aliases"), "1\n");
  EXPECT_EQ(m.file(":a-0002496/object_size"), "2496\n");
  EXPECT_THAT(m.list(), HasSubstr("sys/kernel/slab/second/objects 256\n"));
  EXPECT_TRUE(m.machine.slabs().destroy(first).has_value());
  EXPECT_TRUE(m.machine.slabs().destroy(second).has_value());
  EXPECT_EQ(m.machine.proc().write("sys/kernel/slab/second/shrink", "1").error(),
            Errno::kNoEntry);
}

TEST(SlabDirectory, CachesStayApartWhenMergingIsForbidden) {
  SlabFilesMachine m(1, "slab_nomerge");
  EXPECT_NE(&m.make("first", {.size = 100}), &m.make("second", {.size = 100}));
  EXPECT_EQ(m.file("first/aliases"), "0\n");
}

// What each write gave on the running kernel.
TEST(SlabDirectory, TakesTheWritesThatTheKernelTook) {
  SlabFilesMachine m;
  const std::string directory = "kmalloc-64/";
  const struct {
    const char* file;
    const char* text;
    const char* result;
    const char* shown;
  } kWrites[] = {
      {"validate", "1", "EINVAL", ""},        {"shrink", "1", "ok", ""},
      {"shrink", "0", "EINVAL", ""},          {"shrink", "12", "ok", ""},
      {"min_partial", "7", "ok", "7\n"},      {"min_partial", "abc", "EINVAL", "7\n"},
      {"min_partial", "-1", "EINVAL", "7\n"}, {"min_partial", "0x10", "EINVAL", "7\n"},
      {"min_partial", "010", "ok", "10\n"},   {"min_partial", "+3", "ok", "3\n"},
      {"min_partial", "18446744073709551615", "ok", "18446744073709551615\n"},
      {"min_partial", "99999999999999999999", "ERANGE", "18446744073709551615\n"},
      {"min_partial", "", "ok", "18446744073709551615\n"},
      {"min_partial", "3 4", "EINVAL", "18446744073709551615\n"},
      {"min_partial", "12\n", "ok", "12\n"},  {"min_partial", " 5", "EINVAL", "12\n"},
      {"min_partial", "5\n\n", "EINVAL", "12\n"},
      {"cpu_partial", "30", "ok", "30\n"},    {"cpu_partial", "0", "ok", "0\n"},
      {"cpu_partial", "4000000000", "ok", "4000000000\n"},
      {"cpu_partial", "5000000000", "ERANGE", "4000000000\n"},
      {"cpu_partial", "-1", "EINVAL", "4000000000\n"},
      {"remote_node_defrag_ratio", "101", "ERANGE", "100\n"},
      {"remote_node_defrag_ratio", "50", "ok", "50\n"},
      {"poison", "1", "EACCES", "0\n"},       {"objects", "1", "EACCES", "0\n"},
  };
  for (const auto& write : kWrites) {
    EXPECT_EQ(m.write(directory + write.file, write.text), write.result)
        << write.file << " " << write.text;
    EXPECT_EQ(m.file(directory + write.file), write.shown) << write.file << " " << write.text;
  }
}

TEST(SlabDirectory, OfADebuggedCacheIsValidatedOnDemandAndHasNothingOnCpus) {
  SlabFilesMachine m(1, "slub_debug=FZ");
  EXPECT_EQ(m.write("kmalloc-64/validate", "1x"), "ok");
  EXPECT_EQ(m.write("kmalloc-64/validate", "0"), "EINVAL");
  EXPECT_EQ(m.write("kmalloc-64/cpu_partial", "5"), "EINVAL");
  EXPECT_EQ(m.write("kmalloc-64/cpu_partial", "0"), "ok");
  auto* const object = static_cast<char*>(m.machine.kmalloc().alloc(64, Gfp::kKernel));
  object[64] = 1;
  EXPECT_EQ(m.write("kmalloc-64/validate", "1"), "ok");
  EXPECT_TRUE(m.logged("BUG kmalloc-64 (Not tainted): Right Redzone overwritten"));
}

TEST(SlabDirectory, OfMinPartialDecidesHowManyEmptySlabsStay) {
  SlabFilesMachine m(1, "slab_nomerge");
  KmemCache& cache = m.make("kept", {.size = 4096, .flags = SlabFlags::kStoreUser});
  // A slab that becomes empty counts itself.
  EXPECT_EQ(m.write("kept/min_partial", "3"), "ok");
  std::vector<void*> objects;
  for (unsigned i = 0; i < 100; ++i) objects.push_back(cache.alloc(Gfp::kKernel));
  for (void* const object : objects) cache.free(object);
  EXPECT_EQ(m.file("kept/slabs"), "2 N0=2\n");
  EXPECT_EQ(m.write("kept/shrink", "1"), "ok");
  EXPECT_EQ(m.file("kept/slabs"), "0\n");
}

TEST(Slabinfo, CannotBeWritten) {
  SlabFilesMachine m;
  EXPECT_EQ(m.machine.proc().write("proc/slabinfo", "x").error(), Errno::kIo);
}

// Pages of slabs in meminfo, of the machine and of each node.
TEST(SlabRows, OfMeminfoAndNodesCountReclaimableAndOtherSlabs) {
  SlabFilesMachine m(Shape::two_nodes(64));
  KmemCache& plain = m.make("plain", {.size = 4096, .flags = SlabFlags::kStoreUser});
  KmemCache& reclaimable = m.make(
      "reclaimable",
      {.size = 4096, .flags = SlabFlags::kStoreUser | SlabFlags::kReclaimAccount});
  void* const first = plain.alloc_node(Gfp::kKernel, node_id(1));
  void* const second = reclaimable.alloc_node(Gfp::kKernel, node_id(0));
  const auto kib = [](const KmemCache& cache) {
    return std::to_string(4 * cache.layout().order.pages().raw());
  };
  EXPECT_THAT(m.read("proc/meminfo"),
              HasSubstr("SReclaimable:         " + kib(reclaimable) + " kB\n" +
                        "SUnreclaim:           " + kib(plain) + " kB\n"));
  const std::string nodes = "sys/devices/system/node/";
  EXPECT_THAT(m.read(nodes + "node0/meminfo"),
              HasSubstr("Node 0 SReclaimable:         " + kib(reclaimable) + " kB\n" +
                        "Node 0 SUnreclaim:            0 kB\n"));
  EXPECT_THAT(m.read(nodes + "node1/meminfo"),
              HasSubstr("Node 1 Slab:                 " + kib(plain) + " kB\n"));
  plain.free(first);
  reclaimable.free(second);
  m.machine.slabs().shrink_all();
  EXPECT_THAT(m.read("proc/meminfo"), HasSubstr("Slab:                  0 kB\n"));
}

}  // namespace
}  // namespace quire
