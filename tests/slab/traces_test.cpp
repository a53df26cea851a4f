// Who has the objects of a cache: alloc_traces and free_traces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/slab/debug_machine.hpp"

namespace quire {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::MatchesRegex;
using testing::Not;

constexpr std::uint64_t kJiffyNs = 4'000'000;

class Paths final : public PathVisitor {
 public:
  void visit(std::string_view path, std::uint16_t) override { text.append(path).append("\n"); }
  std::string text;
};

class Traced : public DebugMachine {
 public:
  using DebugMachine::DebugMachine;

  Lines traces(const std::string& file) {
    StringSink sink;
    EXPECT_TRUE(machine.proc().read("sys/kernel/debug/slab/" + file, sink).has_value());
    std::istringstream stream(sink.text);
    Lines lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
  void pass_jiffies(std::uint64_t jiffies) { host.run_for(jiffies * kJiffyNs); }
  void become(std::uint32_t pid) { Arch::current()->task->pid = pid; }
};

// Another place in the code than quire_test_take().
extern "C" [[gnu::noinline]] void* quire_test_take_too(KmemCache* cache) {
  void* const object = cache->alloc(Gfp::kKernel);
  asm volatile("" : : : "memory");
  return object;
}

TEST(SlabTraces, TellWhoTookWhatIsInUseTheMostFirst) {
  Traced m(SlabFlags::kStoreUser);
  m.pass_jiffies(100);
  m.become(7);
  quire_test_take_too(m.cache);
  void* const gone = m.take();
  m.take_many(2);
  m.pass_jiffies(10);
  m.use_cpu(1);
  m.become(9);
  m.take();
  m.give(gone);
  m.pass_jiffies(1);
  EXPECT_THAT(m.traces("quire_test/alloc_traces"),
              ElementsAre(MatchesRegex("      3 quire_test_take\\+0x[0-9a-f]+/0x[0-9a-f]+ "
                                       "age=1/7/11 pid=7-9 cpus=0-1"),
                          MatchesRegex("      1 quire_test_take_too\\+0x[0-9a-f]+/0x[0-9a-f]+ "
                                       "age=11 pid=7 cpus=0")));
}

TEST(SlabTraces, TellWhoGaveBackWhatIsInUseAgain) {
  Traced m(SlabFlags::kStoreUser);
  m.pass_jiffies(100);
  m.give(m.take());
  m.pass_jiffies(5);
  m.take_many(3);
  EXPECT_THAT(m.traces("quire_test/free_traces"),
              ElementsAre("      2 <not-available> age=105 pid=0 cpus=0",
                          MatchesRegex("      1 quire_test_give\\+0x.* age=5 pid=0 cpus=0")));
}

TEST(SlabTraces, OfKmallocTellWhatNobodyAskedFor) {
  Traced m(SlabFlags::kStoreUser, "slub_debug=U");
  for (const std::size_t size : {50u, 50u, 50u, 64u})
    static_cast<void>(m.machine.kmalloc().alloc(size, Gfp::kKernel));
  const Lines lines = m.traces("kmalloc-64/alloc_traces");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_THAT(lines[0], HasSubstr(" waste=42/14 age=0 "));
  EXPECT_THAT(lines[1], Not(HasSubstr("waste")));
}

TEST(SlabTraces, NameNodesWhereThereAreSeveral) {
  Shape shape = SlabMachine::plain(Shape::two_nodes(64));
  SlabMachine m(shape);
  KmemCache& cache = m.cache({.size = 100, .flags = SlabFlags::kStoreUser});
  for (const unsigned cpu : {0u, 1u}) {
    m.use_cpu(cpu);
    quire_test_take(&cache);
  }
  StringSink sink;
  const std::string file = "sys/kernel/debug/slab/" + std::string(cache.name()) + "/alloc_traces";
  ASSERT_TRUE(m.machine.proc().read(file, sink).has_value());
  EXPECT_THAT(sink.text, testing::EndsWith(" cpus=0-1 nodes=0-1\n"));
}

TEST(SlabTraces, HaveARowForEachPlaceAndGiveTheirPagesBack) {
  constexpr unsigned kPlaces = 1000;
  Traced m(SlabFlags::kStoreUser);
  for (unsigned i = 0; i < kPlaces; ++i) {
    unsigned char* const object = m.take();
    ObjectMarks(m.cache->layout(), object).track(TrackKind::kAlloc).caller =
        reinterpret_cast<const void*>(std::uintptr_t{0x1000} + i);
  }
  const std::uint64_t before = m.free_pages();
  EXPECT_EQ(m.traces("quire_test/alloc_traces").size(), kPlaces);
  EXPECT_EQ(m.free_pages(), before);
}

TEST(SlabTraces, WithoutMemoryThereAreNone) {
  Traced m(SlabFlags::kStoreUser);
  for (unsigned order = kOrderCount; order-- > 0;)
    while (m.alloc(Gfp::kKernel | Gfp::kNoWarn, order) != nullptr) continue;
  StringSink sink;
  EXPECT_EQ(m.machine.proc().read("sys/kernel/debug/slab/quire_test/alloc_traces", sink).error(),
            Errno::kNoMemory);
}

TEST(SlabTraces, AreFilesOfCachesThatKeepTracksAndOfNoOthers) {
  Traced m(SlabFlags::kStoreUser);
  m.make("other", SlabFlags::kPoison);
  Paths paths;
  m.machine.proc().list(paths);
  EXPECT_THAT(paths.text, HasSubstr("sys/kernel/debug/slab/quire_test/alloc_traces\n"
                                    "sys/kernel/debug/slab/quire_test/free_traces\n"));
  EXPECT_THAT(paths.text, Not(HasSubstr("debug/slab/other")));
  StringSink sink;
  EXPECT_EQ(m.machine.proc().read("sys/kernel/debug/slab/other/alloc_traces", sink).error(),
            Errno::kNoEntry);
  EXPECT_EQ(m.machine.proc().write("sys/kernel/debug/slab/quire_test/alloc_traces", "1").error(),
            Errno::kAccess);
  EXPECT_THAT(m.traces("quire_test/alloc_traces"), ElementsAre("No data"));
}

}  // namespace
}  // namespace quire
