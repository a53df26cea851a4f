// Random steps on a tree of VMAs against the most obvious model: a map of ranges, in which gaps are
// found by looking at each. Now and then there is no memory: then an insert that was not reserved
// may fail, and changes nothing.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "hosts/sim/random.hpp"
#include "tests/vma/vma_machine.hpp"

namespace quire {
namespace {

constexpr unsigned kSteps = 200'000;
constexpr unsigned kPhase = 10'000;       // steps of growing, then of shrinking
constexpr unsigned kCompareEvery = 64;
constexpr std::uint32_t kSpace = 6'000;   // pages

class RandomVmas {
 public:
  explicit RandomVmas(std::uint64_t seed) : random_(seed) {}
  ~RandomVmas() {
    while (tree_.first() != nullptr) tree_.remove(*tree_.first());
  }

  void run() {
    for (unsigned step = 0; step < kSteps; ++step) {
      SCOPED_TRACE("step " + std::to_string(step));
      growing_ = step / kPhase % 2 == 0;
      if (below(1'000) == 0) famine_ = std::make_unique<Famine>(m_);
      if (below(50) == 0) famine_.reset();
      one_step();
      if (step % kCompareEvery == 0) compare();
      if (testing::Test::HasFatalFailure()) return;
    }
    EXPECT_GT(refused_, 20u);
    EXPECT_GT(most_, 700u);
    famine_.reset();
    while (!model_.empty()) remove();
    ASSERT_TRUE(tree_.reserve(0).has_value());
    compare();
    EXPECT_FALSE(m_.nodes.shrink());
  }

 private:
  using Model = std::map<VirtAddr, Vma*>;  // by start

  std::uint32_t below(std::uint32_t bound) { return random_.below(bound); }

  void one_step() {
    const unsigned dice = below(100);
    if (dice < (growing_ ? 45u : 25u)) return insert();
    if (dice < 70) return remove();
    if (dice < 80) return resize();
    if (dice < 84) return replace();
    if (dice < 86) return reserve();
    if (dice < 94) return find();
    find_gap();
  }

  [[nodiscard]] VirtRange gap_before(Model::iterator next) const {
    return {next == model_.begin() ? VirtAddr{} : std::prev(next)->second->end(),
            next == model_.end() ? page(kSpace) : next->first};
  }
  Model::iterator any() { return model_.lower_bound(page(below(kSpace))); }

  // A part of `gap` with at least one page, often one that touches an end.
  VirtRange part_of(VirtRange gap) {
    const auto pages = static_cast<std::uint32_t>(whole_pages(gap.length()).raw());
    const std::uint32_t wanted = std::min(pages, 1 + below(6));
    const std::uint32_t room = pages - wanted;
    const std::uint32_t offset = below(3) == 0 ? 0 : below(room + 1);
    const VirtAddr start = gap.start + size_of(PageCount{offset});
    return {start, start + size_of(PageCount{wanted})};
  }

  void insert() {
    const auto next = any();
    const VirtRange gap = gap_before(next);
    if (gap.empty()) return;
    Vma& vma = *new_vma();
    vma.range = part_of(gap);
    const Result<void> done = tree_.insert(vma);
    if (done.has_value()) {
      model_.emplace_hint(next, vma.start(), &vma);
      most_ = std::max(most_, model_.size());
      if (reserved_ > 0) --reserved_;
      return;
    }
    EXPECT_EQ(done.error(), Errno::kNoMemory);
    EXPECT_NE(famine_, nullptr);
    EXPECT_EQ(reserved_, 0u);
    ++refused_;
    free_.push_back(&vma);
    compare();
  }

  void remove() {
    auto at = any();
    if (at == model_.end()) at = model_.begin();
    if (at == model_.end()) return;
    tree_.remove(*at->second);
    free_.push_back(at->second);
    model_.erase(at);
  }

  void resize() {
    const auto at = any();
    if (at == model_.end()) return;
    Vma& vma = *at->second;
    const VirtRange around{gap_before(at).start, gap_before(std::next(at)).end};
    const VirtRange range = part_of(around);
    model_.erase(at);
    tree_.resize(vma, range);
    EXPECT_EQ(vma.range, range);
    model_[range.start] = &vma;
  }

  void replace() {
    const auto at = any();
    if (at == model_.end()) return;
    Vma& by = *new_vma();
    by.range = at->second->range;
    tree_.replace(*at->second, by);
    free_.push_back(std::exchange(at->second, &by));
  }

  void reserve() {
    const unsigned inserts = below(6);
    if (tree_.reserve(inserts).has_value())
      reserved_ = inserts;
    else
      EXPECT_NE(famine_, nullptr);
  }

  void find() {
    const VirtAddr at = page(below(kSpace + 10)) - Bytes{below(2)};
    Vma* first = nullptr;
    for (const auto& [start, vma] : model_) {
      if (vma->end() <= at) continue;
      first = vma;
      break;
    }
    ASSERT_EQ(tree_.find(at), first);
    ASSERT_EQ(tree_.at(at), first != nullptr && first->start() <= at ? first : nullptr);
  }

  void find_gap() {
    const std::uint32_t start = below(kSpace);
    const VirtRange within{page(start), page(start + below(kSpace))};
    const Bytes size = size_of(PageCount{1 + below(below(4) == 0 ? 60 : 8)});
    std::optional<VirtAddr> lowest, highest;
    const auto look = [&](VirtRange gap) {
      const VirtRange part = gap.intersect(within);
      if (part.length() < size) return;
      if (!lowest.has_value()) lowest = part.start;
      highest = part.end - size;
    };
    VirtAddr from;
    for (const auto& [at, vma] : model_) {
      look({from, at});
      from = vma->end();
    }
    look({from, within.end});
    const auto place = [](const Result<VirtAddr>& found) {
      return found.has_value() ? std::optional(*found) : std::nullopt;
    };
    ASSERT_EQ(place(tree_.lowest_gap(within, size)), lowest);
    ASSERT_EQ(place(tree_.highest_gap(within, size)), highest);
  }

  void compare() {
    ASSERT_STREQ(tree_.fault(), nullptr);
    ASSERT_EQ(tree_.count(), model_.size());
    const Vma* vma = tree_.first();
    for (const auto& [start, expected] : model_) {
      ASSERT_EQ(vma, expected);
      ASSERT_EQ(vma->start(), start);
      vma = vma->next;
    }
    ASSERT_EQ(vma, nullptr);
  }

  // VMAs are used again, as a cache's objects are.
  Vma* new_vma() {
    if (free_.empty()) return &vmas_.emplace_back();
    Vma* const vma = free_.back();
    free_.pop_back();
    return vma;
  }

  VmaMachine m_;
  Random random_;
  std::deque<Vma> vmas_;
  std::vector<Vma*> free_;
  VmaTree tree_{m_.nodes};
  Model model_;
  std::unique_ptr<Famine> famine_;
  unsigned reserved_ = 0;
  unsigned refused_ = 0;
  std::size_t most_ = 0;
  bool growing_ = true;
};

class VmaTreeModel : public testing::TestWithParam<unsigned> {};

TEST_P(VmaTreeModel, AgreesWithAMapOfRanges) {
  SCOPED_TRACE("seed " + std::to_string(GetParam()));
  RandomVmas(GetParam()).run();
}

INSTANTIATE_TEST_SUITE_P(Seeds, VmaTreeModel, testing::Values(1u, 2u));

}  // namespace
}  // namespace quire
