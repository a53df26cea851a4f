#include <gtest/gtest.h>
#include <quire/quire.h>

#include <cerrno>

#include "tests/api/machines.hpp"

namespace {

using quire::test::kNative;
using quire::test::kTwoNodes;

class ExactApi : public testing::Test {
 protected:
  void SetUp() override {
    machine_ = quire_machine_create_from_text(kTwoNodes, &kNative, nullptr, 0);
    ASSERT_NE(machine_, nullptr);
    ASSERT_EQ(quire_attach(machine_, 0), 0);
    before_ = quire_counter(machine_, "nr_free_pages");
  }
  void TearDown() override { quire_machine_destroy(machine_); }
  quire_page* exact(size_t size, int node = QUIRE_NO_NODE) {
    return quire_alloc_pages_exact(machine_, node, QUIRE_GFP_KERNEL, size);
  }
  [[nodiscard]] quire_range range_of(const quire_page* first, uint64_t pages) const {
    return {static_cast<uint64_t>(quire_page_to_pfn(machine_, first)) << QUIRE_PAGE_SHIFT,
            pages << QUIRE_PAGE_SHIFT};
  }

  quire_machine* machine_ = nullptr;
  int64_t before_ = 0;
};

TEST_F(ExactApi, PagesAreTakenAndGivenBackTogetherOrOneByOne) {
  quire_page* const first = exact(5 * 4096 - 7, 1);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(quire_page_node(machine_, first), 1);
  EXPECT_EQ(quire_free_pages_exact(machine_, first, 5 * 4096), 0);
  quire_page* const second = exact(3 * 4096);
  const uint64_t pfn = static_cast<uint64_t>(quire_page_to_pfn(machine_, second));
  for (uint64_t i = 0; i < 3; ++i)
    EXPECT_EQ(quire_free_pages(machine_, quire_pfn_to_page(machine_, pfn + i), 0), 0);
}

TEST_F(ExactApi, BadSizesAndPagesAreRefusedAndNothingIsFreed) {
  EXPECT_EQ(exact(0), nullptr);
  EXPECT_EQ(exact((size_t{4} << 20) + 1), nullptr);
  EXPECT_EQ(exact(~size_t{0}), nullptr);
  EXPECT_EQ(exact(4096, 2), nullptr);
  EXPECT_EQ(quire_free_pages_exact(machine_, nullptr, 4096), 0);
  quire_page* const first = exact(3 * 4096);
  EXPECT_EQ(quire_free_pages_exact(machine_, first, 4 * 4096), -EINVAL);
  EXPECT_EQ(quire_free_pages_exact(machine_, first, ~size_t{0}), -EINVAL);
  EXPECT_EQ(quire_free_pages_exact(machine_, first, 3 * 4096), 0);
  EXPECT_EQ(quire_free_pages_exact(machine_, first, 3 * 4096), -EINVAL);
}

TEST_F(ExactApi, RangesAreTakenWhereTheyAreFree) {
  quire_page* const first = quire_alloc_contig_pages(machine_, 1, QUIRE_GFP_KERNEL, 3000);
  ASSERT_NE(first, nullptr) << quire_last_error();
  EXPECT_EQ(quire_page_to_pfn(machine_, first) % 3000, 0);
  const quire_range range = range_of(first, 3000);
  EXPECT_EQ(quire_alloc_contig_range(machine_, &range, QUIRE_GFP_KERNEL), -EBUSY);
  EXPECT_EQ(quire_free_contig_range(machine_, &range), 0);
  EXPECT_EQ(quire_free_contig_range(machine_, &range), -EINVAL);
  EXPECT_EQ(quire_alloc_contig_range(machine_, &range, QUIRE_GFP_KERNEL), 0);
  EXPECT_EQ(quire_free_contig_range(machine_, &range), 0);
}

TEST_F(ExactApi, RangesThatMakeNoSenseAreRefused) {
  const uint64_t high = uint64_t{1} << 62;
  for (const quire_range bad : {quire_range{0x1000, 0}, {0x1001, 0x1000}, {0x1000, 0x1001},
                                {high, 0x1000}, {0x1000, high}, {~uint64_t{0} << 12, 0x2000},
                                {0, uint64_t{1} << 40}})
    EXPECT_LT(quire_alloc_contig_range(machine_, &bad, QUIRE_GFP_KERNEL), 0) << bad.start;
  EXPECT_EQ(quire_alloc_contig_pages(machine_, 0, QUIRE_GFP_KERNEL, 0), nullptr);
  EXPECT_EQ(quire_alloc_contig_pages(machine_, 0, QUIRE_GFP_KERNEL, ~uint64_t{0}), nullptr);
  EXPECT_EQ(quire_alloc_contig_pages(machine_, 9, QUIRE_GFP_KERNEL, 1), nullptr);
  EXPECT_EQ(quire_alloc_contig_range(machine_, nullptr, QUIRE_GFP_KERNEL), -EINVAL);
  EXPECT_EQ(quire_free_contig_range(nullptr, nullptr), -EINVAL);
}

}  // namespace
