// The memory calls against what Linux 6.1 answered to the same ones.
#include "tests/mm/recorded_calls.hpp"

namespace quire {
namespace {

class Recorded : public ::testing::TestWithParam<const char*> {};

TEST_P(Recorded, CallsAnswerAsLinuxDoesAndLeaveTheSameMaps) {
  RecordedCalls recording(GetParam());
  recording.run();
  for (const std::string& difference : recording.differences) ADD_FAILURE() << difference;
  EXPECT_GT(recording.calls, 50u);
  EXPECT_GE(recording.maps, 10u);
}

INSTANTIATE_TEST_SUITE_P(Mm, Recorded,
                         ::testing::Values("errors", "keep", "merges", "random1", "random2",
                                           "random3"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace quire
