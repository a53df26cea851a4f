// Memblock against the most obvious model: a node, a flag word and a reserved mark for each page of
// a small address space. Random steps; after each the regions must describe the same pages.
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <random>
#include <vector>

#include "boot/boot.hpp"
#include "tests/boot/plain_host.hpp"

namespace quire::test {
namespace {

constexpr std::size_t kPages = 96;
constexpr unsigned kSteps = 300'000;
constexpr unsigned kStepsOfAMachine = 300;
// The model's pages begin here, so that some steps come near the end of the addresses.
constexpr std::uint64_t kBase = (std::uint64_t{1} << 52) - kPages * 4096;

struct ModelPage {
  bool memory = false;
  bool reserved = false;
  NodeId node = kNoNode;
  NodeId reserved_node = kNoNode;
  std::uint32_t flags = 0;
};

PhysAddr address(std::size_t page) { return at(kBase + page * 4096); }

class MemblockModel {
 public:
  explicit MemblockModel(std::uint64_t seed) : random_(seed) {}

  void step() {
    const Span span = any_span();
    switch (random_() % 12) {
      case 0:
      case 1:
        return add(span);
      case 2:
        return remove(span);
      case 3:
      case 4:
        return reserve(span);
      case 5:
        return free(span);
      case 6:
        return set_node(span);
      case 7:
        return set_hotplug(span);
      default:
        return allocate();
    }
  }

  void compare(unsigned step) const {
    compare_regions(memblock_.memory());
    compare_regions(memblock_.reserved());
    if (step % 8 == 0) compare_pages();
  }

 private:
  void compare_pages() const {
    std::array<bool, kPages> free{};
    memblock_.for_each_free([&](PhysRange range, const MemblockRegion&) {
      for (std::size_t i = index(range.start); i < index(range.end); ++i) free[i] = true;
      return true;
    });
    for (std::size_t i = 0; i < kPages; ++i) {
      const Pfn pfn = pfn_down(address(i));
      const bool same = free[i] == (pages_[i].memory && !pages_[i].reserved) &&
                        memblock_.is_memory(pfn) == pages_[i].memory &&
                        memblock_.is_reserved(pfn) == pages_[i].reserved;
      if (!same) FAIL() << "page " << i;
    }
  }

  struct Span {
    std::size_t first, end;
    [[nodiscard]] PhysRange range() const { return {address(first), address(end)}; }
  };

  Span any_span() {
    const std::size_t first = random_() % kPages;
    const std::size_t most = random_() % 3 == 0 ? kPages : 12;
    return {first, std::min(kPages, first + random_() % most)};
  }
  NodeId any_node() { return NodeId{static_cast<std::uint16_t>(random_() % 3)}; }
  static std::size_t index(PhysAddr place) { return (place.raw() - kBase) >> 12; }

  void add(Span span) {
    const NodeId node = any_node();
    ASSERT_TRUE(memblock_.add(span.range(), node).has_value());
    for (std::size_t i = span.first; i < span.end; ++i)
      if (!pages_[i].memory) {
        pages_[i].memory = true;
        pages_[i].node = node;
        pages_[i].flags = 0;
      }
  }
  void remove(Span span) {
    ASSERT_TRUE(memblock_.remove(span.range()).has_value());
    for (std::size_t i = span.first; i < span.end; ++i) pages_[i].memory = false;
  }
  void reserve(Span span) {
    const NodeId node = any_node();
    ASSERT_TRUE(memblock_.reserve(span.range(), node).has_value());
    for (std::size_t i = span.first; i < span.end; ++i) mark_reserved(i, node);
  }
  void mark_reserved(std::size_t i, NodeId node) {
    if (!pages_[i].reserved) pages_[i].reserved_node = node;
    pages_[i].reserved = true;
  }
  void free(Span span) {
    ASSERT_TRUE(memblock_.free(span.range()).has_value());
    for (std::size_t i = span.first; i < span.end; ++i) pages_[i].reserved = false;
  }
  void set_node(Span span) {
    const NodeId node = any_node();
    ASSERT_TRUE(memblock_.set_node(span.range(), node).has_value());
    for (std::size_t i = span.first; i < span.end; ++i) pages_[i].node = node;
  }
  void set_hotplug(Span span) {
    const bool on = random_() % 2 == 0;
    ASSERT_TRUE((on ? memblock_.mark_hotplug(span.range()) : memblock_.clear_hotplug(span.range()))
                    .has_value());
    for (std::size_t i = span.first; i < span.end; ++i)
      pages_[i].flags = on ? MemblockRegion::kHotplug : 0;
  }

  void allocate() {
    memblock_.set_bottom_up(random_() % 2 == 0);
    avoid_hotplug_ = random_() % 4 == 0;
    memblock_.set_avoid_hotplug(avoid_hotplug_);
    const Span window = any_span();
    const std::size_t count = 1 + random_() % 8;
    const std::size_t alignment = std::size_t{1} << random_() % 4;
    MemblockRequest request{.size = Bytes{count * 4096}, .alignment = Bytes{alignment * 4096}};
    if (random_() % 2 == 0) request.min = address(window.first);
    if (random_() % 2 == 0) request.max = address(window.end);
    if (random_() % 2 == 0) request.node = any_node();
    request.exact_node = random_() % 2 == 0;
    const Result<PhysAddr> got = memblock_.allocate(request);
    const std::size_t expected = find(request);
    ASSERT_EQ(got.has_value(), expected != kPages);
    if (!got.has_value()) {
      ASSERT_EQ(got.error(), Errno::kNoMemory);
      return;
    }
    ASSERT_EQ(index(*got), expected);
    for (std::size_t i = 0; i < count; ++i) mark_reserved(expected + i, kNoNode);
  }

  // Node and window are given up in the order that the contract says; kPages: nowhere.
  [[nodiscard]] std::size_t find(const MemblockRequest& request) const {
    const std::size_t count = request.size / kPageSize;
    const std::size_t low = request.min == PhysAddr{0} ? 0 : index(request.min);
    const std::size_t high = request.max == PhysAddr{0} ? kPages : index(request.max);
    for (const std::size_t from : {low, std::size_t{0}})
      for (const bool any_node : {false, true}) {
        if (any_node && request.exact_node) continue;
        const NodeId node = any_node ? kNoNode : request.node;
        const auto fits = [&](std::size_t i) {
          return i >= from && i + count <= high && address(i).is_aligned(request.alignment) &&
                 all_free({i, i + count}, node);
        };
        for (std::size_t k = 0; k < kPages; ++k) {
          const std::size_t i = memblock_.bottom_up() ? k : kPages - 1 - k;
          if (fits(i)) return i;
        }
      }
    return kPages;
  }

  // An allocation does not cross from one region into another.
  [[nodiscard]] bool all_free(Span span, NodeId node) const {
    const ModelPage& first = pages_[span.first];
    for (std::size_t i = span.first; i < span.end; ++i) {
      const ModelPage& page = pages_[i];
      if (!page.memory || page.reserved || (node != kNoNode && page.node != node)) return false;
      if (avoid_hotplug_ && page.flags != 0) return false;
      if (page.node != first.node || page.flags != first.flags) return false;
    }
    return true;
  }

  // Whether a region says of a page what the model does.
  [[nodiscard]] bool describes(const MemblockRegion& region, std::size_t i) const {
    const bool memory = memblock_.memory().find(region.base) == &region;
    const ModelPage& page = pages_[i];
    if (memory) return page.memory && region.node == page.node && region.flags == page.flags;
    return page.reserved && region.node == page.reserved_node && region.flags == 0;
  }

  void compare_regions(const MemblockType& type) const {
    Bytes total;
    const MemblockRegion* last = nullptr;
    for (const MemblockRegion& region : type.regions()) {
      ASSERT_NE(region.size, Bytes{0});
      if (last != nullptr) {
        ASSERT_LE(last->end(), region.base);
        ASSERT_FALSE(last->end() == region.base && last->node == region.node &&
                     last->flags == region.flags);
      }
      for (std::size_t i = index(region.base); i < index(region.end()); ++i)
        if (!describes(region, i)) FAIL() << type.name() << ", page " << i;
      total += region.size;
      last = &region;
    }
    ASSERT_EQ(type.total_size(), total);
    std::size_t covered = 0;
    for (const ModelPage& page : pages_)
      covered += &type == &memblock_.memory() ? page.memory : page.reserved;
    ASSERT_EQ(total, Bytes{covered * 4096});
  }

  std::mt19937_64 random_;
  PlainHost host_;
  Arena arena_{host_};
  Memblock memblock_{arena_};
  std::array<ModelPage, kPages> pages_{};
  bool avoid_hotplug_ = false;
};

TEST(MemblockModel, RandomStepsDescribeTheSamePagesAsAPageByPageModel) {
  const char* const given = std::getenv("QUIRE_SEED");
  const std::uint64_t seed = given != nullptr ? std::strtoull(given, nullptr, 0) : 20260101;
  std::printf("QUIRE_SEED=%lu\n", seed);
  for (unsigned machine = 0; machine < kSteps / kStepsOfAMachine; ++machine) {
    MemblockModel model(seed + machine);
    for (unsigned step = 0; step < kStepsOfAMachine; ++step) {
      model.step();
      model.compare(step);
      ASSERT_FALSE(testing::Test::HasFatalFailure() || testing::Test::HasNonfatalFailure())
          << "QUIRE_SEED=" << seed << ", machine " << machine << ", step " << step;
    }
  }
}

}  // namespace
}  // namespace quire::test
