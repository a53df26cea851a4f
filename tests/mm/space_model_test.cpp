// Random calls against a model of address spaces page by page: answers, flags, contents, which
// pages are there, and the books, after each step.
#include <sstream>

#include "tests/mm/space_file.hpp"
#include "tests/mm/space_model.hpp"
#include "tests/process/process_machine.hpp"
#include "tests/support/sanitized.hpp"
#include "tools/oracle/packed_file.hpp"

namespace quire {
namespace {

// A million steps in all; where each costs twenty times as much, as many fewer.
const unsigned kSteps = under_sanitizer() ? 4000 : 40000;
constexpr unsigned kSeeds = 25;

class SpaceModelRun : public ::testing::TestWithParam<unsigned> {};

TEST_P(SpaceModelRun, CallsDoWhatTheyDoToEachPageByItself) {
  // Every other machine has translation caches, whose hits are compared with the tables, and pages
  // that keep what was in them.
  Shape shape = Shape::one_zone({.size_mib = 32});
  shape.tlb.modelled = shape.tlb.check = GetParam() % 2 != 0;
  shape.profile.init_on_alloc = GetParam() % 2 == 0;
  ProcessMachine machine(shape);
  Process& process = machine.create("model");
  Mm& mm = *process.mm;
  ASSERT_TRUE(do_munmap(machine.floor->caller(process), VirtAddr{0},
                        mm.layout.task_size - VirtAddr{0})
                  .has_value());
  const Committed& committed = mm.parts.committed;
  const PageCount before = committed.pages();
  SpaceModel model(machine, process, SpaceSteps(GetParam(), SpaceSteps::Family::kHeirs));
  SpaceFile file(machine);
  model.use(file.shown());
  for (unsigned i = 0; i < kSteps; ++i) {
    const SpaceStep step = model.step();
    if (!HasFailure()) model.compare();
    if (!HasFailure() && i % 1000 == 999) {
      model.compare_all();
      EXPECT_TRUE(audited(machine.machine));
    }
    EXPECT_EQ((committed.pages() - before).raw(), model.accounted());
    ASSERT_FALSE(HasFailure()) << "seed " << GetParam() << ", step " << i << ": " << step.line();
  }
  machine.exit(model.last());
  EXPECT_TRUE(audited(machine.machine));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SpaceModelRun, ::testing::Range(1u, kSeeds + 1));

// A family's steps as a script for recorder/fault_steps.c.
std::string script_of(unsigned seed, SpaceSteps::Family family) {
  SpaceSteps steps(seed, family);
  std::string script;
  for (unsigned i = 0; i < 400; ++i) {
    script += steps.next().line() + "\n";
    if (i % 40 != 39) continue;
    script += "pages 0x100000000000 41\nmaps\n";
    if (steps.has_child()) script += "c pages 0x100000000000 41\nc maps\n";
  }
  if (steps.has_child()) script += "exit\n";
  return script;
}

// Of the recorded runs (tests/mm/recorded/faults), which replays hold against Linux: their scripts,
// printed where they are no longer the model's.
TEST(SpaceScripts, OfRecordedRunsAreTheModelsOwnSteps) {
  struct Recorded {
    const char* name;
    SpaceSteps::Family family;
  };
  using enum SpaceSteps::Family;
  static constexpr Recorded kRuns[] = {{"alone", kNone}, {"model", kChild}};
  for (const auto& [name, family] : kRuns)
    for (unsigned seed = 1; seed <= 5; ++seed) {
      const std::string script = script_of(seed, family);
      const std::string path =
          "/mm/recorded/faults/" + std::string(name) + std::to_string(seed) + ".log.gz";
      std::istringstream in(oracle::read_packed(QUIRE_TESTS_DIR + path).value_or(""));
      std::string recorded;
      for (std::string line; std::getline(in, line);)
        if (!line.starts_with("m ") && !line.starts_with("p ") && !line.starts_with("s ") &&
            line != "base")
          recorded += line.substr(0, line.find(" = ")) + "\n";
      EXPECT_EQ(recorded == script, true) << "the script of " << path << " is:\n" << script;
    }
}

}  // namespace
}  // namespace quire
