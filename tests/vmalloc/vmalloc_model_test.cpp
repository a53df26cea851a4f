// Random calls on a machine, against a model that knows what every area holds.
#include <gtest/gtest.h>

#include <random>
#include <string>

#include "tests/vmalloc/space_on_machine.hpp"

namespace quire {
namespace {

struct Held {
  VirtAddr at;
  std::string content;
  std::vector<Page*> mapped;  // of the caller's, by vmap
};

class VmallocModel : public testing::TestWithParam<unsigned> {
 protected:
  static Shape shape() {
    Shape shape = GetParam() % 3 == 0 ? Shape::two_nodes(64) : Shape::one_zone({96, 2});
    shape.profile.frame_content = true;
    if (GetParam() % 4 == 1) shape.arch = ArchProfile::kX86_32;
    if (GetParam() % 4 == 2) shape.arch = ArchProfile::kX86_64La57;
    return shape;
  }

  std::uint64_t below(std::uint64_t n) { return random() % n; }

  std::string words(std::size_t length) {
    std::string text(length, '\0');
    for (char& c : text) c = static_cast<char>('a' + below(26));
    return text;
  }

  void take() {
    Held one;
    const Bytes size{1 + below(below(4) == 0 ? 900 * kPageSize.raw() : 9 * kPageSize.raw())};
    switch (below(6)) {
      case 0: one.at = on.space.vzalloc(size); break;
      case 1: one.at = on.space.vmalloc_user(size); break;
      case 2: one.at = on.space.vmalloc_huge(size, Gfp::kKernel | Gfp::kNoWarn); break;
      case 3: return map();
      case 4:
        one.at = on.space.allocate({.size = size, .align = kPageSize * (1u << below(6))});
        break;
      default: one.at = on.space.vmalloc(size); break;
    }
    if (one.at == VirtAddr{}) return;
    one.content = words(size.raw());
    on.write(one.at, one.content);
    held.push_back(std::move(one));
  }

  void map() {
    Held one;
    const std::uint64_t count = 1 + below(20);
    for (std::uint64_t i = 0; i < count; ++i) {
      Page* const page = on.machine.alloc(Gfp::kKernel | Gfp::kNoWarn, 0);
      if (page != nullptr) one.mapped.push_back(page);
    }
    one.at = on.space.vmap(one.mapped, Prot::kKernel);
    if (one.at == VirtAddr{}) {
      for (Page* page : one.mapped) on.machine.free(page, 0);
      return;
    }
    one.content = words(one.mapped.size() * kPageSize.raw());
    on.write(one.at, one.content);
    held.push_back(std::move(one));
  }

  void give_back() {
    std::swap(held[below(held.size())], held.back());
    const Held& one = held.back();
    ASSERT_EQ(on.read(one.at, one.content.size()), one.content);
    on.space.vfree(one.at);
    for (Page* page : one.mapped) on.machine.free(page, 0);
    held.pop_back();
  }

  SpaceOnMachine on{shape()};
  std::mt19937 random{GetParam()};
  std::vector<Held> held;
};

TEST_P(VmallocModel, EveryAreaKeepsWhatItHoldsAndTheBooksBalance) {
  for (unsigned step = 0; step < 300; ++step) {
    SCOPED_TRACE("seed " + std::to_string(GetParam()) + " step " + std::to_string(step));
    on.machine.use_cpu(static_cast<unsigned>(below(2)));
    if (held.empty() || below(100) < 52)
      take();
    else
      give_back();
    if (below(60) == 0) on.space.purge();
    if (step % 30 == 0) {
      EXPECT_TRUE(on.balanced());
    }
    if (HasFailure()) return;
  }
  while (!held.empty() && !HasFailure()) give_back();
  EXPECT_EQ(on.space.used(), PageCount{0});
  EXPECT_TRUE(on.balanced());
}

INSTANTIATE_TEST_SUITE_P(Seeds, VmallocModel, testing::Range(1u, 7u));

}  // namespace
}  // namespace quire
