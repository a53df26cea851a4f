// Every capture of Linux, booted here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/oracle/recordings.hpp"
#include "tools/oracle/machine_oracle.hpp"

namespace quire::oracle {
namespace {

class EveryCapture : public ::testing::TestWithParam<std::filesystem::path> {};

TEST_P(EveryCapture, AgreesInEveryFieldThatNeverDiffers) {
  const auto comparison = check_capture(GetParam());
  ASSERT_TRUE(comparison.has_value()) << comparison.error();
  EXPECT_GT(comparison->agreed(), 200U);
  EXPECT_EQ(comparison->differences(), known_differences(name_of_recording(GetParam())));
}

INSTANTIATE_TEST_SUITE_P(Linux, EveryCapture,
                         ::testing::ValuesIn(recordings_in("captures",
                                                           [](const auto& path) {
                                                             return exists(path / "machine.json");
                                                           })),
                         [](const auto& info) { return test_name_of(info.param); });

TEST(Captures, WithoutADescriptionAreRefusedWithTheFileInTheReason) {
  const auto comparison = check_capture(kRecordings / "recorder");
  ASSERT_FALSE(comparison.has_value());
  EXPECT_THAT(comparison.error(), ::testing::HasSubstr("machine.json"));
}

TEST(Captures, ThatAreNoDirectoryAreRefused) {
  EXPECT_FALSE(check_capture(kRecordings / "nothing").has_value());
  EXPECT_FALSE(check_capture(kRecordings / "captures/flat-1g/machine.json").has_value());
}

}  // namespace
}  // namespace quire::oracle
