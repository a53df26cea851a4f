// What tlb.* counts in instructions, one dump a case: kHits translations of addresses that are not
// known where they are compiled. `empty_*` is the loop alone; run.py subtracts it.
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
  std::optional<CachedTranslation> walk(Pfn root, VirtAddr at, Access) override {
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

template <class Touch>
void count_turn(const char* name, const Turn turn, Touch touch) {
  count(name, [turn, touch] {
    const Touch local = touch;
    const Turn pages = turn;
    for (unsigned i = 0; i < kHits; ++i) {
      std::uint64_t at = pages.base.raw() + i % pages.pages * kPageSize.raw();
      hide(at);
      std::byte* content = local(VirtAddr{at});
      hide(content);
    }
  });
}

void count_hits(CpuTlb& tlb, const char* name, Turn turn) {
  count_turn(name, turn,
             [&tlb](VirtAddr at) { return tlb.translate<Access::kUserWrite>(at); });
}

}  // namespace
}  // namespace quire::bench

int main() {
  using namespace quire;
  using bench::Turn;
  bench::OneFrame tables;
  const TlbSpec spec;
  std::vector<TlbEntry> entries(CpuTlb::entries_of(spec));
  CpuTlb tlb({CpuId{0}, tables, spec, 21}, entries);
  tlb.set_check(nullptr);
  const VirtAddr small{0x400000};
  const VirtAddr large{gib(2).raw()};
  bench::count_turn("empty_hit", {small, 64},
                    [](VirtAddr at) { return reinterpret_cast<std::byte*>(at.raw()); });
  bench::count_hits(tlb, "hit", {small, 64});
  bench::count_hits(tlb, "hit_large", {large, 64});
  bench::count_hits(tlb, "hit_second", {small, 1024});
}
