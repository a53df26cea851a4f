// Pages that are moved to other addresses while other threads look for them: through their file,
// which shrinks, and by walks of the tables that are moved.
#include "tests/native/process_threads.hpp"

namespace quire {
namespace {

class MoveThreads : public ProcessThreads {
 protected:
  static void move(ProcessThread& thread, const Pages& from, std::uint64_t to) {
    const Bytes length = range(from).length();
    ASSERT_TRUE(do_mremap(thread.caller(), {range(from).start, length, length,
                                            remap::kMayMove | remap::kFixed, page(to)})
                    .has_value());
  }
};

constexpr std::uint64_t kElsewhere = 2048;

// The part that moves becomes one with its neighbours each time it comes back: the VMA that it
// comes to is then the first of its file's, and the one that it leaves the second.
TEST_F(MoveThreads, NoPageEscapesFromAFileThatShrinksByBeingMoved) {
  constexpr Pages kAll{0, 400};
  constexpr Pages kMoved{100, 200};
  Mapping* shown = nullptr;
  on_threads(1, [&](ProcessThread& thread, unsigned) {
    ASSERT_TRUE(thread.map(range(kAll), kReadWrite, nullptr, map::kShared).has_value());
    shown = &process_->mm->vmas.at(page(0))->file->mapping();
  });
  constexpr unsigned kRounds = 100;
  std::atomic<unsigned> filled = 0;
  std::atomic<unsigned> cut = 0;
  on_threads(3, [&](ProcessThread& thread, unsigned number) {
    // Faults at both places meet the moves.
    for (Random random(1); number == 2 && cut != kRounds;) {
      std::uint64_t seen = 0;
      const std::uint64_t at = random.below(kMoved.count);
      static_cast<void>(
          thread.try_read(page((random.below(2) != 0 ? kElsewhere : kMoved.first) + at), seen));
    }
    for (unsigned round = 1; number != 2 && round <= kRounds; ++round) {
      if (number != 0) {
        while (filled != round) host_.yield();
        EXPECT_TRUE(floor_->cache().truncate(*shown, Bytes{0}));
        cut = round;
        continue;
      }
      EXPECT_TRUE(floor_->cache().truncate(*shown, size_of(PageCount{kAll.count})));
      for (std::uint64_t at = 0; at < kMoved.count; at += 3)
        thread.write(page(kMoved.first + at), at);
      filled = round;
      while (cut != round) {
        move(thread, kMoved, kElsewhere);
        move(thread, {kElsewhere, kMoved.count}, kMoved.first);
      }
      std::uint64_t seen = 0;
      for (std::uint64_t at = 0; at < kMoved.count; at += 3)
        EXPECT_FALSE(thread.try_read(page(kMoved.first + at), seen)) << at << " is still there";
    }
  });
}

// Whole tables go, and the empty ones in their way: who walks them sees all of a page or nothing.
TEST_F(MoveThreads, TablesThatAreMovedAreNeverWalkedByThoseWhoComeTooLate) {
  constexpr Pages kAll{0, 1024};
  const auto word = [](std::uint64_t at) { return at + 1; };
  on_threads(1, [&](ProcessThread& thread, unsigned) {
    ASSERT_TRUE(thread.map(range(kAll), kReadWrite).has_value());
    for (std::uint64_t at = 0; at < kAll.count; at += 64) thread.write(page(at), word(at));
  });
  std::atomic<bool> done = false;
  on_threads(3, [&](ProcessThread& thread, unsigned number) {
    Random random(number + 1);
    while (number != 0 && !done && !HasFailure()) {
      const std::uint64_t at = random.below(kAll.count / 64) * 64;
      const VirtAddr place = page(at + (random.below(2) != 0 ? kElsewhere : 0));
      std::uint64_t seen = word(at);
      Page* had = nullptr;
      if (random.below(2) != 0) {
        static_cast<void>(thread.try_read(place, seen));
      } else if (get_user_pages_fast(thread.floor.faults(), *thread.self.mm,
                                     {place, Foll::kNone, {&had, 1}})
                     .has_value()) {
        std::memcpy(&seen, machine_.map().content_of(*had), sizeof seen);
        thread.floor.lru().put(*had);
      }
      EXPECT_TRUE(seen == word(at) || seen == 0) << "page " << at << " has " << seen;
    }
    for (unsigned round = 0; number == 0 && round < 250 && !HasFatalFailure(); ++round) {
      // What is touched where it moves to makes a table there, which is empty again when it does.
      ASSERT_TRUE(thread.map(range({kElsewhere, kAll.count}), kReadWrite).has_value());
      static_cast<void>(thread.try_write(page(kElsewhere + 700), 0));
      ASSERT_TRUE(do_madvise(thread.caller(), page(kElsewhere), range(kAll).length(),
                             Advice::kDontNeed));
      move(thread, kAll, kElsewhere);
      move(thread, {kElsewhere, kAll.count}, 0);
    }
    if (number == 0) done = true;
  });
  on_threads(1, [&](ProcessThread& thread, unsigned) {
    for (std::uint64_t at = 0; at < kAll.count; at += 64) {
      std::uint64_t seen = 0;
      thread.read(page(at), seen);
      EXPECT_EQ(seen, word(at));
    }
  });
}

}  // namespace
}  // namespace quire
