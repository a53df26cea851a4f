// Windows onto high memory: what is reached through them, when they are reused, who waits, and that
// low memory needs none. On tables of two levels (1,024 windows) and with PAE (512).
//
// QUIRE_SEED=n replays a run.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>

#include "kmap/kmap.hpp"
#include "pagetable/pagetable.hpp"
#include "tests/boot/machine_builder.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {
namespace {

Shape narrow(bool pae) {
  Shape shape;
  shape.ram = {{0, 1, 1024}};
  if (pae) shape.ram.push_back({0, 4096, 4224});
  shape.cpus.assign(2, NodeId{0});
  shape.arch = ArchProfile::kX86_32;
  return shape;
}

class KmapWorld {
 public:
  explicit KmapWorld(bool pae, SimOptions options = {})
      : machine(narrow(pae), std::move(options)),
        map(machine.machine.map()),
        space(make_address_space(ArchProfile::kX86_32, {machine.machine.plan().max_pfn(),
                                                        machine.machine.plan().max_low_pfn()})),
        frames(map), sink(tlb), tables({*space.format, frames, sink}),
        walker(*space.format, map), arena_(machine.host),
        checker({machine.host, tlb, walker, space.kernel_start()}),
        kmap({machine.host, map, tables, tlb, space}) {
    frames.attach(machine.pages());
    EXPECT_TRUE(tables.make_root().has_value());
    for (const VirtRange range : {space.fixmap, space.persistent_kmap})
      for (VirtAddr at = range.start; at < range.end; at += mib(1))
        EXPECT_TRUE(tables.make_slot(at, PageLevel::kPte).has_value());
    const std::span<CpuContext> cpus = machine.machine.cpus();
    const unsigned large = space.format->at(PageLevel::kPmd).shift;
    EXPECT_TRUE(model.init(arena_, {tlb, walker, cpus, large}, {}).has_value());
    EXPECT_TRUE(tlb.init(arena_, model, cpus, tables.root_frame()).has_value());
    model.set_check(&checker);
    EXPECT_TRUE(kmap.init(arena_, static_cast<unsigned>(cpus.size())).has_value());
  }

  Page& high_page() { return *machine.alloc(Gfp::kHighUser, 0); }
  Page& low_page() { return *machine.alloc(Gfp::kKernel, 0); }
  // What a CPU reaches at a kernel address, by its TLB and the tables.
  std::byte* reach(VirtAddr at) { return model.here().translate<Access::kWrite>(at); }
  [[nodiscard]] std::byte* content(const Page& page) { return map.content_of(page); }
  testing::AssertionResult audited() {
    StringSink report;
    {
      Text text(report);
      if (kmap.audit(text).has_value() && checker.audit(model, text).has_value())
        return testing::AssertionSuccess();
    }
    return testing::AssertionFailure() << report.text;
  }

  TestMachine machine;
  MemoryMap& map;
  const AddressSpace space;
  TableFrames frames;
  Tlb tlb;
  KernelFlushSink sink;
  PageTables tables;
  PagingWalker walker;

 private:
  Arena arena_;

 public:
  TlbModel model;
  TlbChecker checker;
  Kmap kmap;
};

class KmapTest : public testing::TestWithParam<bool> {
 protected:
  KmapWorld world{GetParam()};
  Kmap& kmap = world.kmap;
};
INSTANTIATE_TEST_SUITE_P(Formats, KmapTest, testing::Bool(), [](const auto& pae) {
  return std::string(pae.param ? "pae" : "two_levels");
});

TEST_P(KmapTest, LowMemoryIsReachedInTheDirectMap) {
  Page& page = world.low_page();
  const VirtAddr direct = world.space.direct_address(address_of(world.map.pfn_of(page)));
  EXPECT_FALSE(kmap.is_high(page));
  EXPECT_EQ(kmap.kmap(page), direct);
  EXPECT_EQ(kmap.kmap_local(page).value(), direct);
  EXPECT_EQ(kmap.page_address(page), direct);
  EXPECT_EQ(kmap.page_at(direct + Bytes{5}), &page);
  EXPECT_TRUE(kmap.kunmap(page).has_value());
  EXPECT_TRUE(kmap.kunmap_local(direct).has_value());
}

TEST_P(KmapTest, ThereAreAsManyWindowsAsOneTableHasEntries) {
  EXPECT_EQ(kmap.permanent().size(), GetParam() ? 512u : 1024u);
}

TEST_P(KmapTest, APageOfHighMemoryIsReachedThroughItsWindow) {
  Page& page = world.high_page();
  EXPECT_TRUE(kmap.is_high(page));
  EXPECT_EQ(kmap.page_address(page), std::nullopt);
  const VirtAddr at = kmap.kmap(page);
  EXPECT_TRUE(world.space.persistent_kmap.contains(at));
  EXPECT_EQ(world.reach(at + Bytes{17}), world.content(page) + 17);
  EXPECT_EQ(kmap.page_address(page), at);
  EXPECT_EQ(kmap.page_at(at), &page);
}

TEST_P(KmapTest, APageHasOneWindowHoweverManyUseIt) {
  Page& page = world.high_page();
  const VirtAddr at = kmap.kmap(page);
  EXPECT_EQ(kmap.kmap(page), at);
  EXPECT_TRUE(kmap.kunmap(page).has_value());
  EXPECT_EQ(world.reach(at), world.content(page)) << "one user is left";
  EXPECT_TRUE(kmap.kunmap(page).has_value());
  EXPECT_EQ(kmap.kunmap(page).error(), Errno::kInvalid);
  EXPECT_EQ(kmap.kunmap(world.high_page()).error(), Errno::kInvalid);
  EXPECT_TRUE(world.audited());
}

TEST_P(KmapTest, AWindowWithoutUsersIsTakenUpAgainByItsPage) {
  Page& page = world.high_page();
  const VirtAddr at = kmap.kmap(page);
  EXPECT_TRUE(kmap.kunmap(page).has_value());
  EXPECT_EQ(kmap.page_address(page), at);
  EXPECT_EQ(kmap.kmap(page), at);
}

TEST_P(KmapTest, WindowsAreClearedAndFlushedAllAtOnceWhenTheSearchComesRound) {
  const std::uint32_t windows = kmap.permanent().size();
  const auto flushes = [&] {
    return event_count(world.machine.machine.nodes(), VmEvent::kNrTlbRemoteFlush);
  };
  Page& first = world.high_page();
  const VirtAddr at = kmap.kmap(first);
  EXPECT_EQ(world.reach(at), world.content(first));
  EXPECT_TRUE(kmap.kunmap(first).has_value());
  for (std::uint32_t i = 2; i < windows; ++i) {
    Page& page = world.high_page();
    kmap.kmap(page);
    EXPECT_TRUE(kmap.kunmap(page).has_value());
  }
  EXPECT_EQ(flushes(), 0u);
  EXPECT_EQ(kmap.page_address(first), at);
  Page& next = world.high_page();
  EXPECT_EQ(kmap.kmap(next), world.space.persistent_kmap.start) << "window 0 ends the round";
  EXPECT_EQ(flushes(), 1u);
  EXPECT_EQ(kmap.page_address(first), std::nullopt);
  Page& after = world.high_page();
  EXPECT_EQ(kmap.kmap(after), at);
  EXPECT_EQ(world.reach(at), world.content(after)) << "not the page of before";
  EXPECT_TRUE(world.audited());
}

TEST_P(KmapTest, UnusedWindowsCanBeFlushedAtAnyTime) {
  Page& page = world.high_page();
  kmap.kmap(page);
  kmap.permanent().flush_unused();
  EXPECT_NE(kmap.page_address(page), std::nullopt) << "in use";
  EXPECT_TRUE(kmap.kunmap(page).has_value());
  kmap.permanent().flush_unused();
  EXPECT_EQ(kmap.page_address(page), std::nullopt);
}

TEST_P(KmapTest, WhoFindsAllWindowsInUseWaitsUntilOneIsGivenBack) {
  SimHost& host = world.machine.host;
  std::vector<Page*> pages;
  for (std::uint32_t i = 0; i < kmap.permanent().size(); ++i) {
    pages.push_back(&world.high_page());
    kmap.kmap(*pages.back());
  }
  Page& late = world.high_page();
  bool got = false;
  bool given_back = false;
  host.spawn(world.machine.machine.cpus()[0], "late", [&] {
    kmap.kmap(late);
    got = true;
    EXPECT_TRUE(given_back);
  });
  host.spawn(world.machine.machine.cpus()[1], "user", [&] {
    host.sleep_ns(1'000'000);
    EXPECT_FALSE(got);
    given_back = true;
    EXPECT_TRUE(kmap.kunmap(*pages[7]).has_value());
  });
  host.run_until_idle();
  EXPECT_TRUE(got);
  EXPECT_EQ(kmap.page_address(*pages[7]), std::nullopt);
  EXPECT_TRUE(world.audited());
}

TEST_P(KmapTest, WaitingWithASpinlockHeldStopsTheMachine) {
  SpinLock lock(LockRank::kSysctl);
  Page& page = world.high_page();
  EXPECT_DEATH(
      {
        const SpinGuard guard(lock);
        kmap.kmap(page);
      },
      "spinlocks_held");
}

// Temporary windows -------------------------------------------------------------------------------

TEST_P(KmapTest, TemporaryWindowsNestAndAreTheirCpusOwn) {
  Page& page = world.high_page();
  Page& other = world.high_page();
  const VirtAddr first = kmap.kmap_local(page).value();
  const VirtAddr second = kmap.kmap_local(other).value();
  EXPECT_TRUE(world.space.fixmap.contains(first));
  EXPECT_EQ(second, first - kPageSize);
  world.machine.use_cpu(1);
  const VirtAddr elsewhere = kmap.kmap_local(page).value();
  EXPECT_EQ(elsewhere, first - kPageSize * LocalKmap::kDepth);
  EXPECT_TRUE(kmap.kunmap_local(elsewhere).has_value());
  world.machine.use_cpu(0);
  EXPECT_EQ(world.reach(first), world.content(page));
  EXPECT_EQ(world.reach(second), world.content(other));
  EXPECT_EQ(kmap.page_at(second), &other);
  EXPECT_EQ(kmap.kunmap_local(first).error(), Errno::kInvalid) << "not the last";
  EXPECT_TRUE(kmap.kunmap_local(second + Bytes{100}).has_value()) << "any address in it will do";
  EXPECT_TRUE(kmap.kunmap_local(first).has_value());
  EXPECT_TRUE(world.audited());
}

TEST_P(KmapTest, AWindowThatWasGivenBackFaultsAndTheNextPageIsReachedThroughIt) {
  Page& page = world.high_page();
  const VirtAddr at = kmap.kmap_local(page).value();
  EXPECT_EQ(world.reach(at), world.content(page));
  EXPECT_TRUE(kmap.kunmap_local(at).has_value());
  EXPECT_EQ(world.reach(at), nullptr);
  Page& other = world.high_page();
  EXPECT_EQ(kmap.kmap_local(other).value(), at);
  EXPECT_EQ(world.reach(at), world.content(other));
}

TEST_P(KmapTest, SixteenTemporaryWindowsAreThereAndNoMore) {
  std::vector<VirtAddr> windows;
  for (unsigned i = 0; i < LocalKmap::kDepth; ++i)
    windows.push_back(kmap.kmap_local(world.high_page()).value());
  EXPECT_EQ(kmap.kmap_local(world.high_page()).error(), Errno::kNoSpace);
  for (auto at = windows.rbegin(); at != windows.rend(); ++at)
    EXPECT_TRUE(kmap.kunmap_local(*at).has_value());
  EXPECT_TRUE(world.audited());
}

TEST(Kmap, AsManyCpusAsMayBeAllHaveTheirWindowsAndOneMoreDoesNotBoot) {
  Shape shape = narrow(true);
  shape.cpus.assign(kMaxCpus32, NodeId{0});
  TestMachine most(shape);
  most.use_cpu(kMaxCpus32 - 1);
  Page& page = *most.alloc(Gfp::kHighUser, 0);
  Kmap& kmap = most.machine.mmu().kmap();
  ASSERT_TRUE(kmap.is_high(page));
  for (unsigned i = 0; i < LocalKmap::kDepth; ++i)
    EXPECT_EQ(kmap.page_at(kmap.kmap_local(page).value()), &page);

  test::MachineBuilder builder;
  builder.ram(0, 0x4000'0000);
  builder.spec.arch = ArchProfile::kX86_32;
  for (unsigned cpu = 0; cpu <= kMaxCpus32; ++cpu) builder.cpu_on(0);
  EXPECT_EQ(builder.boot().error(), Errno::kInvalid);
  EXPECT_TRUE(builder.host.logged("x86_32 runs on at most 54 CPUs, not on 55"));
}

// The fixmap --------------------------------------------------------------------------------------

TEST_P(KmapTest, FixedAddressesCountDownFromTheTop) {
  Fixmap& fixmap = kmap.fixmap();
  EXPECT_EQ(fixmap.address_of(FixedSlot::kHole), VirtAddr{0xfffff000});
  EXPECT_EQ(fixmap.address_of(FixedSlot::kLocalApic), VirtAddr{0xffffc000});
  EXPECT_EQ(fixmap.set(FixedSlot::kHole, Pfn{0}, Prot::kKernel).error(), Errno::kInvalid);
  EXPECT_EQ(fixmap.set(FixedSlot{100'000}, Pfn{0}, Prot::kKernel).error(), Errno::kInvalid);
}

TEST_P(KmapTest, AFixedAddressMapsWhatItWasSetToLast) {
  Fixmap& fixmap = kmap.fixmap();
  const VirtAddr at = fixmap.address_of(FixedSlot::kEarlyConsole);
  for (int i = 0; i < 2; ++i) {
    Page& page = world.low_page();
    const Pfn frame = world.map.pfn_of(page);
    EXPECT_TRUE(fixmap.set(FixedSlot::kEarlyConsole, frame, Prot::kKernelNoCache).has_value());
    EXPECT_EQ(world.reach(at), world.content(page));
  }
  fixmap.clear(FixedSlot::kEarlyConsole);
  fixmap.clear(FixedSlot::kEarlyConsole);
  EXPECT_EQ(world.reach(at), nullptr);
}

TEST(KmapRandom, WindowsLeadToTheirPagesWhateverTheOrder) {
  const char* const told = std::getenv("QUIRE_SEED");
  const std::uint64_t first = told == nullptr ? 1 : std::strtoull(told, nullptr, 0);
  for (std::uint64_t seed = first; seed < first + 4; ++seed) {
    SCOPED_TRACE("QUIRE_SEED=" + std::to_string(seed));
    Random random(seed);
    KmapWorld world(seed % 2 == 0);
    const std::uint32_t windows = world.kmap.permanent().size();
    std::vector<Page*> pages;
    for (std::uint32_t i = 0; i < windows + windows / 2; ++i) pages.push_back(&world.high_page());
    std::map<Page*, unsigned> users;
    std::vector<std::pair<VirtAddr, Page*>> local[2];
    for (unsigned step = 0; step < 20'000; ++step) {
      const unsigned cpu = random.below(2);
      world.machine.use_cpu(cpu);
      Page* const page = pages[random.below(static_cast<std::uint32_t>(pages.size()))];
      switch (random.below(5)) {
        case 0: case 1:
          if (!users.contains(page) && users.size() == windows) break;
          ASSERT_EQ(world.reach(world.kmap.kmap(*page)), world.content(*page));
          ++users[page];
          break;
        case 2:
          ASSERT_EQ(world.kmap.kunmap(*page).has_value(), users.contains(page));
          if (users.contains(page) && --users[page] == 0) users.erase(page);
          break;
        case 3: {
          const auto at = world.kmap.kmap_local(*page);
          ASSERT_EQ(at.has_value(), local[cpu].size() < LocalKmap::kDepth);
          if (at.has_value()) local[cpu].push_back({*at, page});
          break;
        }
        default:
          if (local[cpu].empty()) break;
          ASSERT_EQ(world.reach(local[cpu].back().first), world.content(*local[cpu].back().second));
          ASSERT_TRUE(world.kmap.kunmap_local(local[cpu].back().first).has_value());
          local[cpu].pop_back();
      }
      if (users.contains(page)) {
        ASSERT_EQ(world.reach(*world.kmap.page_address(*page)), world.content(*page));
      }
      ASSERT_TRUE(step % 512 != 0 || world.audited()) << "step " << step;
    }
  }
}

TEST(KmapAudit, AWindowThatMapsAnotherPageIsFound) {
  KmapWorld world(true);
  Page& page = world.high_page();
  const VirtAddr at = world.kmap.kmap(page);
  const EntrySlot slot = world.tables.find_slot(at);
  const Entry right = world.tables.load(slot);
  world.tables.store(slot, {});
  EXPECT_FALSE(world.audited());
  world.tables.store(slot, world.space.format->leaf_entry(PageLevel::kPte, Pfn{1}, Prot::kKernel));
  EXPECT_FALSE(world.audited());
  world.tables.store(slot, right);
  EXPECT_TRUE(world.audited());
  const EntrySlot free_window = world.tables.find_slot(at + kPageSize);
  world.tables.store(free_window, right);
  EXPECT_FALSE(world.audited());
  world.tables.store(free_window, {});
  world.tables.store(world.tables.find_slot(world.kmap.fixmap().address_of(FixedSlot::kKmap)),
                     right);
  EXPECT_FALSE(world.audited());
}

}  // namespace
}  // namespace quire
