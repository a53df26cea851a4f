// What tlb.* counts in instructions, one dump a case: kHits translations of addresses that are not
// known where they are compiled, and twice as many, since what is done once before a loop is no
// part of a hit. `empty_*` is the loop alone; run.py subtracts it.
#include <optional>
#include <vector>

#include "bench/support/callgrind.hpp"
#include "pagetable/pagetable.hpp"

namespace quire::bench {
namespace {

constexpr unsigned kHits = 10'000;

// Every page is mapped to the one frame that there is, the first GiB in pages of 4 KiB.
class OneFrame final : public TableWalker {
 public:
  std::optional<CachedTranslation> walk(Pfn root, VirtAddr at, Access,
                                        TableMemo&) override {
    return look(root, at);
  }
  std::optional<CachedTranslation> look(Pfn, VirtAddr at) const override {
    const bool small = at.raw() < gib(1).raw();
    return CachedTranslation{.frame = Pfn{0},
                             .shift = static_cast<std::uint8_t>(small ? kPageShift : 21),
                             .dirty = true,
                             .allows = AccessSet::of({.write = true, .user = true})};
  }
  std::byte* content(Pfn) const override { return const_cast<std::byte*>(frame_.data()); }

 private:
  std::vector<std::byte> frame_ = std::vector<std::byte>(kPageSize.raw());
};

// `pages` in turn, from `base` on.
struct Turn {
  VirtAddr base;
  unsigned pages;
};

struct Case {
  const char* once;
  const char* twice;
  Turn turn;
};

template <class Touch>
void count_turn(const Case& names, Touch touch) {
  for (const unsigned hits : {kHits, 2 * kHits})
    count(hits == kHits ? names.once : names.twice, [turn = names.turn, touch, hits] {
      const Touch local = touch;
      const Turn pages = turn;
      for (unsigned i = 0; i < hits; ++i) {
        std::uint64_t at = pages.base.raw() + i % pages.pages * kPageSize.raw();
        hide(at);
        std::byte* content = local(VirtAddr{at});
        hide(content);
      }
    });
}

void count_hits(CpuTlb& tlb, const Case& names) {
  count_turn(names,
             [&tlb](VirtAddr at) { return tlb.translate<Access::kUserWrite>(at); });
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire;
  bench::OneFrame tables;
  const TlbSpec spec;
  std::vector<std::uint64_t> memory(CpuTlb::words_of(spec));
  CpuTlb tlb({CpuId{0}, tables, spec, 21}, memory);
  tlb.set_check(nullptr);
  const VirtAddr small{0x400000};
  const VirtAddr large{gib(2).raw()};
  bench::count_turn({"empty_hit", "empty_hit_twice", {small, 64}},
                    [](VirtAddr at) { return reinterpret_cast<std::byte*>(at.raw()); });
  bench::count_hits(tlb, {"hit", "hit_twice", {small, 64}});
  bench::count_hits(tlb, {"hit_second", "hit_second_twice", {small, 1024}});
  bench::count_hits(tlb, {"hit_large", "hit_large_twice", {large, 64}});
}
