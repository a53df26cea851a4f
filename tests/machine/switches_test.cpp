// Switches of the profile that the command line overrides.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

// What a page that was filled with ones holds once it is free, and when it was handed out again.
struct Seen {
  unsigned char free;
  unsigned char allocated;
};
Seen seen_with(const char* options) {
  Shape shape = Shape::one_zone({32});
  shape.options = options;
  shape.profile.frame_content = true;
  TestMachine test(shape);
  Page* const page = test.alloc(Gfp::kKernel, 0);
  std::byte* const content = test.machine.map().content_of(*page);
  std::memset(content, 1, kPageSize.raw());
  test.free(page, 0);
  const auto free = static_cast<unsigned char>(content[100]);
  Page* const again = test.alloc(Gfp::kKernel, 0);
  EXPECT_EQ(again, page);
  return {free, static_cast<unsigned char>(content[100])};
}

TEST(Switches, PagesAreClearedAtAllocationUnlessTheCommandLineSaysNo) {
  EXPECT_EQ(seen_with("").free, 1);
  EXPECT_EQ(seen_with("").allocated, 0);
  EXPECT_EQ(seen_with("init_on_alloc=0").allocated, 1);
  EXPECT_EQ(seen_with("init_on_alloc=perhaps").allocated, 0);
}

TEST(Switches, PagesAreClearedOrPoisonedAtFreeWhenTheCommandLineSaysSo) {
  EXPECT_EQ(seen_with("init_on_free=1").free, 0);
  EXPECT_EQ(seen_with("page_poison=on").free, 0xaa);
}

}  // namespace
}  // namespace quire
