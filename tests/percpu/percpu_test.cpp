// Per-CPU memory on a whole machine: frames come and go with it, and the books balance.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <vector>

#include "hosts/sim/random.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

class PercpuTest : public testing::Test {
 protected:
  PercpuArea& percpu() { return test.machine.percpu(); }
  std::vector<PercpuOffset> take_until_more() {
    std::vector<PercpuOffset> held;
    while (percpu().populated() == PageCount{0})
      held.push_back(percpu().allocate(Bytes{1024}, Bytes{64}).value_or(PercpuOffset{0}));
    return held;
  }
  std::uint64_t free_pages(unsigned node) {
    test.pages().drain_all();
    std::uint64_t sum = 0;
    for (const Zone& zone : test.machine.nodes().node(node_id(node)).zones)
      if (zone.populated()) sum += static_cast<std::uint64_t>(test.free_now(zone));
    return sum;
  }
  std::string meminfo_row() {
    StringSink sink;
    EXPECT_TRUE(test.machine.proc().read("proc/meminfo", sink).has_value());
    const std::size_t at = sink.text.find("Percpu:");
    return sink.text.substr(at, sink.text.find('\n', at) - at);
  }

  TestMachine test{Shape::two_nodes(64)};
};

TEST_F(PercpuTest, AfterBootTheFirstChunkServes) {
  EXPECT_EQ(percpu().populated(), PageCount{0});
  EXPECT_TRUE(percpu().allocate(Bytes{64}, Bytes{64}).has_value());
  EXPECT_EQ(percpu().populated(), PageCount{0});
  EXPECT_EQ(meminfo_row(), "Percpu:              488 kB");
}

TEST_F(PercpuTest, FramesComeFromEachCpusNodeAndGoBack) {
  const std::uint64_t before[] = {free_pages(0), free_pages(1)};
  const auto held = take_until_more();
  const std::uint64_t pages = percpu().populated().raw();
  EXPECT_EQ(free_pages(0), before[0] - pages);
  EXPECT_EQ(free_pages(1), before[1] - pages);
  EXPECT_EQ(meminfo_row(), "Percpu:              " + std::to_string(488 + pages * 8) + " kB");
  EXPECT_TRUE(audited(test.machine));
  for (const PercpuOffset piece : held) ASSERT_TRUE(percpu().free(piece).has_value());
  percpu().balance();
  EXPECT_EQ(percpu().populated(), PageCount{0});
  EXPECT_EQ(free_pages(0), before[0]);
  EXPECT_EQ(free_pages(1), before[1]);
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(PercpuTest, AMachineWithoutFramesRefusesAndStaysBalanced) {
  std::vector<Page*> all;
  for (unsigned order = kOrderCount; order-- > 0;)
    while (Page* const page = test.alloc(Gfp::kKernel | Gfp::kNoWarn, order)) all.push_back(page);
  Result<PercpuOffset> last = PercpuOffset{0};
  while (last.has_value()) last = percpu().allocate(Bytes{1024}, Bytes{64});
  EXPECT_EQ(last.error(), Errno::kNoMemory);
  EXPECT_EQ(percpu().populated(), PageCount{0});
  EXPECT_TRUE(audited(test.machine));
}

TEST_F(PercpuTest, TheAuditFindsAFrameThatIsLostOrSomebodyElses) {
  take_until_more();
  Page* frame = nullptr;
  const MemoryMap& map = test.machine.map();
  const Zone& zone = test.zone(1, ZoneType::kNormal);
  for (Pfn pfn = zone.span.start; pfn < zone.span.end; ++pfn) {
    Page& page = *map.page_of(pfn);
    if (page.word.kind() == PageKind::kInUse && page.refcount == 1) frame = &page;
  }
  ASSERT_NE(frame, nullptr);
  frame->index_low ^= 1;
  StringSink report;
  EXPECT_FALSE(test.machine.audit(report).has_value());
  EXPECT_NE(report.text.find("somebody else's"), std::string::npos) << report.text;
  frame->index_low ^= 1;
  test.free(frame, 0);
  EXPECT_FALSE(audited(test.machine));
}

// Frames whose books are apart from those of the machine's per-CPU area.
TEST_F(PercpuTest, TheAuditFindsPagesWithoutFramesAndFramesWithoutPages) {
  Arena arena(test.host);
  PercpuFrames frames(test.pages(), test.machine.nodes());
  ASSERT_TRUE(frames.init(arena).has_value());
  const auto finding = [&frames] {
    StringSink sink;
    {
      Text text(sink);
      if (frames.audit(text).has_value()) return std::string();
    }
    return sink.text;
  };
  EXPECT_EQ(finding(), "");
  ASSERT_TRUE(frames.populate({PercpuPage{9}, false}).has_value());
  EXPECT_EQ(finding(), "per-CPU page 9 of CPU 0 is not there, but has a frame\n");
  frames.depopulate(PercpuPage{9});
  EXPECT_EQ(finding(), "");
  take_until_more();
  EXPECT_EQ(finding(), "per-CPU page 0 of CPU 0 is there, but has no frame\n");
}

// QUIRE_SEED=n replays a run.
TEST(PercpuModel, PiecesNeverOverlapAreZeroAtFirstAndKeepWhatIsWritten) {
  struct Piece {
    std::uint32_t size;
    unsigned char stamp;
  };
  const char* const told = std::getenv("QUIRE_SEED");
  const std::uint64_t first_seed = told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
  for (std::uint64_t seed = first_seed; seed < first_seed + 6; ++seed) {
    TestMachine test(Shape::two_nodes(64));
    PercpuArea& percpu = test.machine.percpu();
    Random random(seed);
    std::map<std::uint32_t, Piece> held;
    bool taking = true;
    for (unsigned step = 0; step < 6000; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      if (random.below(500) == 0) taking = !taking;
      test.use_cpu(random.below(2));
      if (random.below(100) < (taking ? 70u : 30u) || held.empty()) {
        const std::uint32_t size = 1 + random.below(8u << random.below(12));
        const Bytes align{1u << random.below(8)};
        const auto wait = random.below(4) == 0 ? PercpuWait::kMayNot : PercpuWait::kMay;
        const auto offset = percpu.allocate(Bytes{size}, align, wait);
        if (!offset.has_value()) continue;
        ASSERT_EQ(raw(*offset) & (align.raw() - 1), 0u);
        const auto next = held.lower_bound(raw(*offset));
        ASSERT_TRUE(next == held.end() || raw(*offset) + size <= next->first);
        ASSERT_TRUE(next == held.begin() ||
                    std::prev(next)->first + std::prev(next)->second.size <= raw(*offset));
        const Piece piece{size, static_cast<unsigned char>(1 + random.below(255))};
        for (std::byte* const area : percpu.all()) {
          std::byte* const start = area + raw(*offset);
          ASSERT_EQ(std::count(start, start + size, std::byte{0}), size);
          std::memset(start, piece.stamp, size);
        }
        held[raw(*offset)] = piece;
      } else {
        const auto at = std::next(held.begin(), random.below(static_cast<unsigned>(held.size())));
        for (std::byte* const area : percpu.all())
          for (std::uint32_t i = 0; i < at->second.size; ++i)
            ASSERT_EQ(area[at->first + i], std::byte{at->second.stamp});
        ASSERT_TRUE(percpu.free(PercpuOffset{at->first}).has_value());
        held.erase(at);
        if (random.below(20) == 0) percpu.balance();
      }
      if (step % 1000 == 999) {
        ASSERT_TRUE(audited(test.machine));
      }
    }
    for (const auto& [offset, piece] : held)
      ASSERT_TRUE(percpu.free(PercpuOffset{offset}).has_value());
    percpu.balance();
    EXPECT_LE(percpu.populated(), PageCount{4});
    EXPECT_TRUE(audited(test.machine));
  }
}

}  // namespace
}  // namespace quire
