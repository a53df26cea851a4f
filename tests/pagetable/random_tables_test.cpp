// Random mapping, unmapping, protecting, splitting and collapsing against an array of pages, at
// every number of levels; what the tables say is read by the naive walker after each step.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <random>

#include "tests/pagetable/tables_on_machine.hpp"

namespace quire::test {
namespace {

constexpr unsigned kSteps = 5000;
constexpr std::uint64_t kNoted = raw(Prot::kAccessed | Prot::kDirty);

struct ModelPage {
  std::uint64_t frame = 0;
  std::uint64_t rights = 0;  // 0: not mapped
  bool operator==(const ModelPage&) const = default;
};

// A window of three large pages around the end of what one table of large pages maps.
class Model {
 public:
  struct Run {
    unsigned levels, seed;
  };
  explicit Model(Run run) : on(run.levels, true), random_(run.seed) {
    const unsigned levels = run.levels;
    large_pages_ = levels == 2 ? 1024 : 512;
    start_ = (levels <= 3 ? 0x8000'0000 : 0x7f00'0000'0000) - large_pages_ * 4096;
    pages_.resize(3 * large_pages_);
  }

  void step() {
    switch (pick(8)) {
      case 0:
      case 1:
      case 2:
        return map();
      case 3:
        return unmap();
      case 4:
        return protect();
      case 5:
        return split();
      case 6:
        return collapse();
      default:
        return on.tables.free_empty_tables(range(any_place()));
    }
  }

  // What the walker finds, page by page of 4 KiB.
  [[nodiscard]] std::vector<ModelPage> found() {
    std::vector<ModelPage> found(pages_.size());
    for (const NaivePage& page : on.pages()) {
      const std::uint64_t first = (page.address - start_) / 4096;
      for (std::uint64_t i = 0; i < page.bytes / 4096; ++i)
        found.at(first + i) = {page.frame + i, page.rights};
    }
    return found;
  }
  [[nodiscard]] const std::vector<ModelPage>& expected() const { return pages_; }

  void end() {
    ASSERT_TRUE(on.tables.unmap(range({0, pages_.size()})).has_value());
    const unsigned bits = on.tables.format().address_bits;
    on.tables.free_empty_tables(
        {VirtAddr{0}, VirtAddr{std::uint64_t{1} << (bits == 32 ? bits : bits - 1)}});
    EXPECT_TRUE(on.pages().empty());
    EXPECT_EQ(on.walker.tables().size(), 1u);
    on.tables.destroy();
    EXPECT_TRUE(audited(on.machine.machine));
  }

  TablesOnMachine on;

 private:
  struct Place {
    std::size_t first, count;
  };
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  [[nodiscard]] VirtRange range(Place at) const {
    return {VirtAddr{start_ + at.first * 4096}, VirtAddr{start_ + (at.first + at.count) * 4096}};
  }
  // Often whole large pages, often a few small ones.
  Place any_place() {
    if (pick(2) == 0) {
      const std::size_t first = pick(3);
      return {first * large_pages_, (1 + pick(3 - first)) * large_pages_};
    }
    const std::size_t first = pick(pages_.size());
    return {first, 1 + pick(min_of<std::size_t>(pages_.size() - first, 40))};
  }
  VirtAddr any_address() { return VirtAddr{start_ + pick(pages_.size() * 4096)}; }
  Prot any_rights() {
    Prot prot = Prot::kUser;
    for (const Prot bit : {Prot::kWrite, Prot::kDirty, Prot::kAccessed})
      if (pick(2) == 0) prot = prot | bit;
    return prot;
  }

  void map() {
    const Place at = any_place();
    const std::uint64_t frame = pick(2) == 0 ? pick(64) * large_pages_ : pick(1 << 16);
    const Prot prot = any_rights();
    bool taken = false;
    for (std::size_t i = 0; i < at.count; ++i) taken |= pages_[at.first + i].rights != 0;
    const auto mapped = on.tables.map(range(at), {Pfn{frame}, prot, PageLevel::kPmd});
    ASSERT_EQ(mapped.has_value(), !taken);
    if (taken) {
      EXPECT_EQ(mapped.error(), Errno::kExists);
      return;
    }
    for (std::size_t i = 0; i < at.count; ++i)
      pages_[at.first + i] = {frame + i, raw(prot) | std::uint64_t{1}};
  }
  void unmap() {
    const Place at = any_place();
    ASSERT_TRUE(on.tables.unmap(range(at)).has_value());
    for (std::size_t i = 0; i < at.count; ++i) pages_[at.first + i] = {};
  }
  void protect() {
    const Place at = any_place();
    const PageTables::ProtChange change{any_rights(), any_rights() & ~Prot::kUser};
    ASSERT_TRUE(on.tables.protect(range(at), change).has_value());
    for (std::size_t i = 0; i < at.count; ++i) {
      ModelPage& page = pages_[at.first + i];
      if (page.rights != 0) page.rights = (page.rights & ~raw(change.clear)) | raw(change.set);
    }
  }
  void split() {
    const VirtAddr at = any_address();
    const bool mapped = pages_[(at.raw() - start_) / 4096].rights != 0;
    EXPECT_EQ(on.tables.split(at, PageLevel::kPte).has_value(), mapped);
    if (mapped) {
      EXPECT_EQ(on.tables.walk(at)->size, PageLevel::kPte);
    }
  }
  void collapse() {
    const VirtAddr at = any_address();
    const std::size_t first = (at.raw() - start_) / 4096 / large_pages_ * large_pages_;
    std::uint64_t noted = 0;
    bool alike = pages_[first].rights != 0 && pages_[first].frame % large_pages_ == 0;
    for (std::size_t i = 0; i < large_pages_; ++i) {
      const ModelPage& page = pages_[first + i];
      alike &= page.frame == pages_[first].frame + i &&
               ((page.rights ^ pages_[first].rights) & ~kNoted) == 0;
      noted |= page.rights & kNoted;
    }
    EXPECT_EQ(on.tables.collapse(at, PageLevel::kPmd).has_value(), alike);
    if (!alike) return;
    EXPECT_EQ(on.tables.walk(at)->size, PageLevel::kPmd);
    for (std::size_t i = 0; i < large_pages_; ++i) pages_[first + i].rights |= noted;
  }

  std::mt19937 random_;
  std::size_t large_pages_;
  std::uint64_t start_;
  std::vector<ModelPage> pages_;
};

class RandomTables : public testing::TestWithParam<unsigned> {};

TEST_P(RandomTables, SayWhatAnArrayOfPagesSays) {
  const char* const given = std::getenv("QUIRE_SEED");
  const unsigned seed = given == nullptr ? 20221 : static_cast<unsigned>(std::atoi(given));
  Model model({GetParam(), seed});
  for (unsigned step = 0; step < kSteps; ++step) {
    SCOPED_TRACE("seed " + std::to_string(seed) + ", step " + std::to_string(step));
    model.step();
    ASSERT_FALSE(testing::Test::HasFailure());
    ASSERT_TRUE(model.found() == model.expected());
    ASSERT_TRUE(step % 16 != 0 || model.on.counts_agree());
  }
  model.end();
}

INSTANTIATE_TEST_SUITE_P(Levels, RandomTables, testing::Values(2u, 3u, 4u, 5u));

}  // namespace
}  // namespace quire::test
