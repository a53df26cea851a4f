#include <gmock/gmock.h>

#include "engine/sampler.hpp"
#include "engine/synthetic.hpp"
#include "tests/engine/script.hpp"
#include "tools/run/record_json.hpp"

namespace quire {
namespace {

using Kind = PageAccess::Kind;
using ::testing::HasSubstr;

constexpr CostModel kFree{.hit_ps = 0, .second_hit_ps = 0, .walk_ps = 0, .fault_ns = 0,
                          .clear_page_ns = 0, .copy_page_ns = 0, .call_ns = 0, .switch_ns = 0};

TEST(Engine, EachPageFaultsOnceHoweverOftenItIsTouched) {
  EngineMachine test;
  EXPECT_EQ(test.run(make_synthetic({.memory = kib(256), .accesses = 192})),
            RunEnd::kFinished);
  EXPECT_EQ(test.faults(FaultKind::kAnonymous), 64u);
  EXPECT_EQ(test.engine.fault_count(), 64u);
  const LiveProcess& process = *test.engine.processes().front();
  EXPECT_EQ(process.accesses, 192u);
  EXPECT_EQ(process.minor_faults, 64u);
  EXPECT_EQ(process.state, LiveProcess::State::kExited);
  EXPECT_EQ(test.floor.processes().count(), 0u);
}

TEST(Engine, FaultsAreToldByWhatTheyCameTo) {
  EngineMachine test({.verify = true});
  Pages area;
  test.run({area.map(4), area.mapped_then(area.touch(2, Kind::kRead)),
            area.touch(1, Kind::kWrite), area.touch(2, Kind::kWrite, 2),
            [&](const Reply&) {
              return Fork{std::make_unique<Script>(
                  std::vector<Script::Step>{area.touch(1, Kind::kWrite, 2)})};
            },
            [](const Reply&) { return Wait{1'000'000}; }, area.touch(2, Kind::kWrite, 2)});
  EXPECT_EQ(test.faults(FaultKind::kZeroPage), 2u);
  EXPECT_EQ(test.faults(FaultKind::kZeroWrite), 1u);
  EXPECT_EQ(test.faults(FaultKind::kAnonymous), 2u);
  EXPECT_EQ(test.faults(FaultKind::kCopy), 1u);   // the child's
  EXPECT_EQ(test.faults(FaultKind::kReuse), 2u);  // the parent's, when it has gone
}

TEST(Engine, AFileIsReadOnceAndThenMapped) {
  EngineMachine test({.verify = true});
  Pages area;
  test.run({[](const Reply&) { return OpenFile{"/data", 3, mib(1), {}}; },
            area.map_file(256, 3), area.mapped_then(area.touch(256, Kind::kRead)),
            area.touch(1, Kind::kWrite)});
  EXPECT_GE(test.faults(FaultKind::kFileRead), 1u);
  EXPECT_EQ(test.faults(FaultKind::kCopy), 1u);
  EXPECT_EQ(test.engine.mismatch(), "");
  EXPECT_GE(test.engine.now_ns(), CostModel{}.disk_latency_ns);
}

TEST(Engine, VirtualTimeIsWhatTheCostModelSays) {
  CostModel cost = kFree;
  cost.hit_ps = 1500;
  EngineMachine test({.cost = cost});
  Pages area;
  test.run({area.map(1), area.mapped_then(area.touch(1, Kind::kWrite)),
            [&](const Reply&) {
              area.accesses.assign(1000, PageAccess(area.base, Kind::kWrite, 10));
              return Touch{area.accesses};
            }});
  // 10,001 accesses and the one that faulted, which then walks and waits for the node's memory.
  const std::uint64_t accesses = 10'002 * 1500 / 1000;
  EXPECT_EQ(test.engine.now_ns(), accesses + 100);
}

TEST(Engine, MemoryOfAnotherNodeIsFurtherAway) {
  EngineMachine test({.cost = kFree}, Shape::two_nodes(64));
  Pages area;
  test.run({area.map(16), area.mapped_then(area.touch(16, Kind::kWrite)), [&](const Reply&) {
              return Fork{std::make_unique<Script>(
                  std::vector<Script::Step>{area.touch(16, Kind::kRead)})};
            }});
  // The parent walks to 16 pages of its own node; then the child, on the other one, to the same.
  EXPECT_EQ(test.engine.now_ns(), 16 * 100u + 16 * 200u);
}

TEST(Engine, StopsAtTheFaultThatWasAskedFor) {
  EngineMachine test({.until_fault = 17});
  EXPECT_EQ(test.run(make_synthetic({.memory = mib(1)})), RunEnd::kUntil);
  EXPECT_EQ(test.engine.fault_count(), 17u);
  EXPECT_EQ(test.floor.processes().count(), 1u);
  EXPECT_EQ(test.engine.processes().front()->anonymous, 17u);
}

TEST(Engine, StopsAtATimeAndWhenItIsInterrupted) {
  EngineMachine timed({.until_ns = 50'000});
  EXPECT_EQ(timed.run(make_synthetic({.memory = mib(1), .accesses = 1 << 20})),
            RunEnd::kUntil);
  EXPECT_GE(timed.engine.now_ns(), 50'000u);
  EXPECT_LT(timed.engine.now_ns(), 100'000u);
  const std::atomic<bool> interrupted = true;
  EngineMachine stopped({.interrupted = &interrupted});
  EXPECT_EQ(stopped.run(make_synthetic({.memory = mib(1), .accesses = 1 << 20})),
            RunEnd::kInterrupted);
}

TEST(Engine, AnAccessThatIsNotAllowedEndsTheProcess) {
  EngineMachine test;
  Pages area;
  area.base = VirtAddr{0x10000000};
  test.run({area.touch(1, Kind::kRead),
            [](const Reply&) -> Action {
              ADD_FAILURE() << "it goes on";
              return End{};
            }});
  const LiveProcess& process = *test.engine.processes().front();
  EXPECT_EQ(process.state, LiveProcess::State::kSignalled);
  EXPECT_THAT(process.why, HasSubstr("0x10000000"));
}

TEST(Engine, WhoHasMostMemoryIsKilledWhenThereIsNoMore) {
  EngineMachine test;
  ASSERT_TRUE(test.engine.start("small", make_synthetic({.memory = mib(8),
                                                         .accesses = 4'000'000})).has_value());
  ASSERT_TRUE(
      test.engine.start("large", make_synthetic({.memory = mib(56)})).has_value());
  EXPECT_EQ(test.engine.run(), RunEnd::kFinished);
  const auto& processes = test.engine.processes();
  EXPECT_EQ(processes[0]->state, LiveProcess::State::kExited);
  EXPECT_EQ(processes[1]->state, LiveProcess::State::kKilled);
  EXPECT_TRUE(test.logged("invoked oom-killer: gfp_mask=0x"));
  EXPECT_TRUE(test.logged("Out of memory: Killed process 2 (large) total-vm:"));
  EXPECT_EQ(test.floor.processes().count(), 0u);
}

TEST(Engine, VerifySeesAPageThatLostWhatWasWritten) {
  EngineMachine test({.verify = true});
  Pages area;
  EXPECT_EQ(test.run({area.map(2), area.mapped_then(area.touch(2, Kind::kWrite)),
                      [&](const Reply&) {
                        Mm& mm = *test.engine.processes().front()->process->mm;
                        const Pfn frame = mm.tables.walk(area.base + kPageSize)->frame;
                        MemoryMap& map = test.machine.map();
                        map.content_of(*map.page_of(frame))[3] ^= std::byte{1};
                        return area.touch(2, Kind::kRead)(0);
                      }}),
            RunEnd::kVerifyFailed);
  EXPECT_THAT(test.engine.mismatch(), HasSubstr("holds stamp"));
}

// Calls by chance on a few areas, a file and children. Without children each call is alone, so that
// of each page one thing is known; with them nearly always some are under way.
class Chance final : public Program {
 public:
  enum class Children : bool { kNone, kMany };
  Chance(std::uint64_t seed, unsigned steps, Children children)
      : random_(seed), left_(steps), children_(children) {}

  Action next(const Reply& last) override {
    if (mapping_) areas_.push_back({VirtAddr{last.value_or(0)}, pages_});
    mapping_ = false;
    if (left_-- == 0) return End{};
    if (std::exchange(is_cut_, false))
      return ResizeFile{3, size_of(PageCount{8 + random_.below(24)})};
    if (areas_.size() < 2) return map();
    const std::uint32_t choice = random_.below(100);
    Part& area = areas_[random_.below(static_cast<std::uint32_t>(areas_.size()))];
    if (choice < 55) return touch(area);
    if (choice < 65) return map();
    if (choice < 70) return cut();
    if (choice < 76) return WriteFile{{3, Bytes{random_.below(32 * 4096)}, Bytes{9000}}};
    if (choice < 80) return ReadFile{{3, Bytes{random_.below(32 * 4096)}, Bytes{20'000}}};
    if (choice < 85) return AdviseMemory{range(area), Advice::kDontNeed};
    if (choice < 90) return remap(area);
    if (choice < 94 && children_ == Children::kMany) {
      auto child = std::make_unique<Chance>(random_.next(), left_ / 3, children_);
      child->areas_ = areas_;
      child->moves_ = moves_;
      return Fork{std::move(child)};
    }
    if (choice < 97) return SyncFile{3};
    const VirtRange gone = range(area);
    std::swap(area, areas_.back());
    areas_.pop_back();
    return UnmapMemory{gone};
  }

 private:
  struct Part {
    VirtAddr base;
    std::uint64_t pages;
  };
  static VirtRange range(const Part& area) {
    return {area.base, area.base + size_of(PageCount{area.pages})};
  }
  Action map() {
    if (!opened_) {
      opened_ = true;
      return OpenFile{"/chance", 3, size_of(PageCount{40}), {}};
    }
    static constexpr std::uint64_t kFlags[] = {map::kPrivate | map::kAnonymous,
                                               map::kShared | map::kAnonymous, map::kPrivate,
                                               map::kShared};
    const std::uint32_t kind = random_.below(4);
    mapping_ = true;
    pages_ = kind < 2 ? 1 + random_.below(16) : 6;
    return MapMemory{.length = size_of(PageCount{pages_}), .flags = kFlags[kind],
                     .file = kind < 2 ? -1 : 3};
  }
  // Into what is mapped, and soon longer again; whoever touches it meanwhile ends.
  Action cut() {
    is_cut_ = true;
    return ResizeFile{3, Bytes{random_.below(6 * 4096)}};
  }
  Action touch(const Part& area) {
    batch_.clear();
    for (unsigned i = 0; i < 8; ++i)
      batch_.emplace_back(
          area.base + size_of(PageCount{random_.below(static_cast<std::uint32_t>(area.pages))}),
          random_.below(2) == 0 ? Kind::kRead : Kind::kWrite);
    return Touch{batch_};
  }
  Action remap(Part& area) {
    const Part old = area;
    std::swap(area, areas_.back());
    areas_.pop_back();
    mapping_ = true;
    pages_ = old.pages;
    const Bytes length = range(old).length();
    const VirtAddr to = VirtAddr{0x2'0000'0000} + mib(1) * moves_++;
    return RemapMemory{{old.base, length, length, remap::kMayMove | remap::kFixed, to}};
  }

  Random random_;
  unsigned left_;
  const Children children_;
  bool opened_ = false;
  bool mapping_ = false;
  bool is_cut_ = false;
  std::uint64_t pages_ = 0;
  std::uint64_t moves_ = 0;
  std::vector<Part> areas_;
  std::vector<PageAccess> batch_;
};

TEST(Engine, EveryPageHoldsWhatWasWrittenWhateverIsCalled) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    EngineMachine test({.verify = true}, Shape::one_zone({.size_mib = 64, .cpus = 2}), seed);
    const auto children = static_cast<Chance::Children>(seed % 4 == 0);
    EXPECT_NE(test.run(std::make_unique<Chance>(seed, 300, children)), RunEnd::kVerifyFailed)
        << "seed " << seed << ": " << test.engine.mismatch();
    EXPECT_GT(test.engine.fault_count(), 20u);
  }
}

std::string json_of_run(std::uint64_t seed) {
  EngineMachine test({}, Shape::two_nodes(64), seed);
  Sampler sampler(test.engine, test.machine);
  test.engine.observe(sampler);
  for (const Pattern pattern : {Pattern::kZipf, Pattern::kForkStorm, Pattern::kRandom}) {
    const SyntheticSpec spec{.pattern = pattern, .memory = mib(2),
                             .accesses = 20'000, .threads = 2, .children = 5, .seed = seed};
    EXPECT_TRUE(test.engine.start("w", make_synthetic(spec)).has_value());
  }
  EXPECT_EQ(test.engine.run(), RunEnd::kFinished);
  return run::to_json(sampler.finish());
}

TEST(Engine, ARunOfTheSameSeedIsTheSameToTheByte) {
  const std::string json = json_of_run(7);
  EXPECT_EQ(json, json_of_run(7));
  EXPECT_NE(json, json_of_run(8));
}

TEST(Sampler, SamplesLieAtEvenDistancesHoweverSeldomOneCanBeTaken) {
  EngineMachine test;
  Sampler sampler(test.engine, test.machine);
  {
    const OnCpu on_cpu(test.machine.cpus().front());
    std::uint64_t next_ns = 0;
    for (std::uint64_t now_ns = 0; now_ns < 2'000'000'000; now_ns += 1'000'000)
      if (now_ns >= next_ns) next_ns = sampler.sample(now_ns);
  }
  const std::vector<std::uint64_t> times = sampler.finish().times_ns;
  ASSERT_GT(times.size(), Sampler::kMost / 4);
  for (std::size_t i = 1; i < times.size(); ++i)
    ASSERT_NEAR(times[i] - times[i - 1], times[1] - times[0], 1'000'000) << i;
}

TEST(Sampler, ShowsFreeMemoryGoingAndPagesInUse) {
  EngineMachine test;
  Sampler sampler(test.engine, test.machine);
  test.engine.observe(sampler);
  test.run(make_synthetic({.memory = mib(16), .accesses = 1 << 20}));
  const RunRecord record = sampler.finish();
  EXPECT_LE(record.times_ns.size(), Sampler::kMost + 1);
  EXPECT_GT(record.times_ns.size(), Sampler::kMost / 4);
  const auto& free = record.free.front().values;
  EXPECT_GE(free.front(), *std::ranges::min_element(free) + 4000);
  ASSERT_GT(record.pictures.size(), 4u);
  EXPECT_THAT(record.pictures[record.pictures.size() / 2].uses, HasSubstr("aaaaaaaa"));
  for (const Picture& picture : record.pictures)
    EXPECT_EQ(picture.uses.size(), record.blocks.size());
}

}  // namespace
}  // namespace quire
