// Lists under real threads: pages are listed, moved and freed on all CPUs while one drains them.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include "hosts/native/cpu_pool.hpp"
#include "hosts/native/native_host.hpp"
#include "hosts/sim/random.hpp"
#include "lru/lru.hpp"
#include "tests/support/audited.hpp"
#include "tests/support/counters.hpp"
#include "tests/support/small_machine.hpp"

namespace quire {
namespace {

class LruThreads : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(machine_.boot(small_machine()).has_value());
    Arena arena(host_);
    ASSERT_TRUE(lru_.emplace(Lru::Parts{machine_.map(), machine_.nodes(), machine_.pages()})
                    .init(arena)
                    .has_value());
  }

  void touch(Page& page, Random& random) {
    switch (random.below(7)) {
      case 0: lru_->activate(page); break;
      case 1: lru_->deactivate(page); break;
      case 2: lru_->deactivate_file(page); break;
      case 3: lru_->mlock(page); break;
      case 4: lru_->munlock(page); break;
      case 5:
        if (lru_->isolate(page)) lru_->put_back(page);
        break;
      default: lru_->mark_accessed(page); break;
    }
  }
  // Every page has two users, of which the second is another thread.
  void work(CpuPool& pool, std::uint64_t seed) {
    CpuClaim claim(pool);
    Random random(seed);
    std::vector<PageIndex> mine;
    for (unsigned round = 0; round < 300; ++round) {
      std::vector<PageIndex> shared;
      {
        const CpuUse use(claim);
        for (unsigned i = 0; i < 40; ++i) {
          Page* const page = machine_.pages().allocate(Gfp::kHighUserMovable, Order{0});
          ASSERT_NE(page, nullptr);
          if (i % 2 == 0) set_flag(*page, PageFlag::kSwapBacked);
          lru_->add(*page);
          get_page(*page);
          shared.push_back(machine_.map().index_of(*page));
        }
        for (const PageIndex page : mine) touch(machine_.map().at(page), random);
        lru_->put_all(mine);
        mine = shared;
      }
      {
        const std::lock_guard guard(box_mutex_);
        box_.swap(shared);
      }
      const CpuUse use(claim);
      for (const PageIndex page : shared) touch(machine_.map().at(page), random);
      lru_->put_all(shared);
    }
    const CpuUse use(claim);
    lru_->put_all(mine);
  }

  NativeHost host_;
  Machine machine_{host_};
  std::optional<Lru> lru_;
  std::mutex box_mutex_;
  std::vector<PageIndex> box_;
};

TEST_F(LruThreads, NoPageIsLostAndCountersEndWhereTheyBegan) {
  const std::uint64_t before = free_pages(machine_);
  {
    CpuPool pool(machine_.cpus());
    std::vector<std::thread> threads;
    std::atomic<unsigned> working = 3;
    for (unsigned i = 0; i < 3; ++i)
      threads.emplace_back([&, i] {
        work(pool, i + 1);
        --working;
      });
    CpuClaim claim(pool);
    while (working != 0) {
      const CpuUse use(claim);
      lru_->drain_all();
    }
    for (std::thread& thread : threads) thread.join();
  }
  {
    const OnCpu on_cpu(machine_.cpus().front());
    lru_->put_all(box_);
    lru_->drain_all();
  }
  EXPECT_EQ(free_pages(machine_), before);
  for (const NodeItem item : {NodeItem::kNrInactiveAnon, NodeItem::kNrActiveAnon,
                              NodeItem::kNrInactiveFile, NodeItem::kNrActiveFile,
                              NodeItem::kNrUnevictable})
    EXPECT_EQ(exact(machine_, item), 0) << name_of(item);
  EXPECT_EQ(exact(machine_, ZoneItem::kNrMlock), 0);
  EXPECT_TRUE(audited(machine_));
}

}  // namespace
}  // namespace quire
