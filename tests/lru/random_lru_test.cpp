// Random steps on the lists and on the most obvious model of them: after each, the same pages are
// on the same lists in the same order, and the counters agree.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "hosts/sim/random.hpp"
#include "tests/lru/lru_machine.hpp"

namespace quire {
namespace {

// What is waiting somewhere, in the order in which a drain makes the moves.
struct Waiting {
  std::vector<Page*> add, rotate, deactivate_file, deactivate, lazy_free, activate;
};

struct NaivePage {
  bool listed = false, file = false, active = false, referenced = false, reclaim = false;
  bool dirty = false, mlocked = false, unevictable = false, anonymous = false;
  unsigned locks = 0;
  unsigned node = 0;
};

class NaiveLists {
 public:
  explicit NaiveLists(unsigned cpus) : waiting_(cpus) {}

  std::map<Page*, NaivePage> pages;
  std::map<std::pair<unsigned, LruList>, std::vector<Page*>> lists;

  [[nodiscard]] static LruList list_of(const NaivePage& page) {
    if (page.unevictable) return LruList::kUnevictable;
    if (page.file) return page.active ? LruList::kActiveFile : LruList::kInactiveFile;
    return page.active ? LruList::kActiveAnon : LruList::kInactiveAnon;
  }
  void queue(unsigned cpu, std::vector<Page*> Waiting::*which, Page* page) {
    std::vector<Page*>& batch = waiting_[cpu].*which;
    batch.push_back(page);
    if (batch.size() == Lru::kBatchPages) run(batch, which);
  }
  void drain(unsigned cpu) {
    for (const auto which : {&Waiting::add, &Waiting::rotate, &Waiting::deactivate_file,
                             &Waiting::deactivate, &Waiting::lazy_free, &Waiting::activate})
      run(waiting_[cpu].*which, which);
  }
  void mark_accessed(unsigned cpu, Page* page) {
    NaivePage& state = pages[page];
    if (!state.referenced) {
      state.referenced = true;
      return;
    }
    if (state.unevictable || state.active) return;
    const std::vector<Page*>& add = waiting_[cpu].add;
    if (state.listed)
      queue(cpu, &Waiting::activate, page);
    else if (std::ranges::find(add, page) != add.end())
      state.active = true;
    state.referenced = false;
  }
  void mlock(Page* page) {
    NaivePage& state = pages[page];
    state.mlocked = true;
    if (!state.listed) return;
    if (state.unevictable) {
      ++state.locks;
      return;
    }
    take(page);
    enter(page);
  }
  void munlock(Page* page) {
    NaivePage& state = pages[page];
    if (state.listed && state.unevictable && state.locks > 1) {
      --state.locks;
      return;
    }
    state.mlocked = false;
    if (!state.listed || !state.unevictable) return;
    take(page);
    enter(page);
  }
  void take(Page* page) {
    const NaivePage& state = pages[page];
    std::erase(lists[{state.node, list_of(state)}], page);
  }
  void place(Page* page, bool front) {
    const NaivePage& state = pages[page];
    std::vector<Page*>& list = lists[{state.node, list_of(state)}];
    list.insert(front ? list.begin() : list.end(), page);
  }

 private:
  void enter(Page* page) {
    NaivePage& state = pages[page];
    state.unevictable = state.mlocked;
    if (state.mlocked) state.active = false;
    state.locks = state.mlocked;
    state.listed = true;
    place(page, true);
  }
  void run(std::vector<Page*>& batch, std::vector<Page*> Waiting::*which) {
    for (Page* const page : batch) {
      NaivePage& state = pages[page];
      if (which == &Waiting::add)
        enter(page);
      else if (state.listed && !state.unevictable)
        move(page, state, which);
    }
    batch.clear();
  }
  void move(Page* page, NaivePage& state, std::vector<Page*> Waiting::*which) {
    if (which == &Waiting::activate) {
      if (state.active) return;
      take(page);
      state.active = true;
      return place(page, true);
    }
    if (which == &Waiting::deactivate && !state.active) return;
    if (which == &Waiting::lazy_free && (state.file || !state.anonymous)) return;
    take(page);
    state.active = false;
    if (which != &Waiting::rotate) state.referenced = false;
    if (which == &Waiting::lazy_free) state.file = true;
    const bool file_first = which == &Waiting::deactivate_file && state.dirty;
    if (file_first) state.reclaim = true;
    const bool ends = which == &Waiting::rotate || which == &Waiting::deactivate_file;
    place(page, !ends || file_first);
  }

  std::vector<Waiting> waiting_;
};

class RandomLru : public testing::TestWithParam<unsigned> {
 protected:
  static Shape shape() {
    Shape shape;
    shape.ram = {{0, 16, 144}, {1, 144, 272}};
    shape.cpus = {node_id(0), node_id(1)};
    return shape;
  }
  void use(unsigned cpu) { machine_.use_cpu(cpu_ = cpu); }
  Page* any() {
    if (model_.pages.empty()) return nullptr;
    return std::next(model_.pages.begin(), random_.below(model_.pages.size()))->first;
  }
  void make_page() {
    const bool anonymous = random_.below(2) == 0;
    const unsigned node = random_.below(2);
    Page& page = machine_.new_page(anonymous, node_id(node));
    model_.pages[&page] = {.file = !anonymous, .anonymous = anonymous, .node = node};
    if (random_.below(4) == 0) {
      set_flag(page, PageFlag::kDirty);
      model_.pages[&page].dirty = true;
    }
    lru_.add(page);
    model_.queue(cpu_, &Waiting::add, &page);
  }
  // No batch has it then, which would free it later.
  void drop(Page* page) {
    lru_.drain_all();
    model_.drain(0);
    model_.drain(1);
    lru_.put(*page);
    model_.take(page);
    model_.pages.erase(page);
  }
  void move(Page* page) {
    const NaivePage& state = model_.pages[page];
    switch (random_.below(5)) {
      case 0:
        lru_.activate(*page);
        if (state.listed && !state.active && !state.unevictable)
          model_.queue(cpu_, &Waiting::activate, page);
        break;
      case 1:
        lru_.deactivate(*page);
        if (state.listed && state.active && !state.unevictable)
          model_.queue(cpu_, &Waiting::deactivate, page);
        break;
      case 2:
        lru_.deactivate_file(*page);
        if (!state.unevictable) model_.queue(cpu_, &Waiting::deactivate_file, page);
        break;
      case 3:
        lru_.lazy_free(*page);
        if (state.listed && state.anonymous && !state.file && !state.unevictable)
          model_.queue(cpu_, &Waiting::lazy_free, page);
        break;
      default:
        lru_.rotate(*page);
        if (state.listed && !state.unevictable && !state.dirty)
          model_.queue(cpu_, &Waiting::rotate, page);
        break;
    }
  }
  void step() {
    Page* const page = any();
    const unsigned what = random_.below(100);
    if (page == nullptr || what < 25) {
      make_page();
    } else if (what < 35) {
      if (model_.pages.size() > 60) drop(page);
    } else if (what < 60) {
      move(page);
    } else if (what < 80) {
      lru_.mark_accessed(*page);
      model_.mark_accessed(cpu_, page);
    } else if (what < 85) {
      lru_.mlock(*page);
      model_.mlock(page);
    } else if (what < 90) {
      lru_.munlock(*page);
      model_.munlock(page);
    } else if (what < 96) {
      use(1 - cpu_);
    } else {
      lru_.drain_here();
      model_.drain(cpu_);
    }
  }
  void compare() {
    for (unsigned list = 0; list <= index_of(LruList::kUnevictable); ++list) {
      const auto which = static_cast<LruList>(list);
      std::int64_t sum = 0;
      for (unsigned node = 0; node < 2; ++node) {
        const std::vector<Page*>& expected = model_.lists[{node, which}];
        sum += static_cast<std::int64_t>(expected.size());
        if (list < kLinkedLruLists) {
          ASSERT_EQ(machine_.list(which, node_id(node)), expected);
        }
      }
      ASSERT_EQ(machine_.counted(which), sum);
    }
    for (const auto& [page, state] : model_.pages) {
      ASSERT_EQ(has_flag(*page, PageFlag::kReferenced), state.referenced);
      ASSERT_EQ(has_flag(*page, PageFlag::kReclaim), state.reclaim);
      ASSERT_EQ(has_flag(*page, PageFlag::kMlocked), state.mlocked);
    }
  }

  LruMachine machine_{shape()};
  Lru& lru_ = machine_.lru;
  NaiveLists model_{2};
  Random random_{GetParam()};
  unsigned cpu_ = 0;
};

TEST_P(RandomLru, ListsAndCountersAreAlwaysTheModels) {
  for (unsigned i = 0; i < 20'000; ++i) {
    step();
    compare();
    if (HasFatalFailure()) FAIL() << "seed " << GetParam() << ", step " << i;
  }
  while (!model_.pages.empty()) drop(any());
  compare();
  EXPECT_TRUE(audited(machine_.machine));
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomLru, testing::Range(1u, 6u));

}  // namespace
}  // namespace quire
