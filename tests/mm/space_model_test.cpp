// Random calls against a model of an address space page by page: answers, flags, contents, which
// pages are there, and the books, after each step.
#include <random>

#include "tests/mm/naive_space.hpp"
#include "tests/process/process_machine.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kFirst = 0x100000000;  // the page that the arena begins with
constexpr std::uint64_t kPages = 40;
constexpr VmFlags kCompared = VmFlags::kAccess | VmFlags::kAnyLocked | VmFlags::kDontCopy |
                              VmFlags::kWipeOnFork | VmFlags::kSeqRead | VmFlags::kRandRead |
                              VmFlags::kNoReserve | VmFlags::kAccount;

class SpaceModel : public testing::TestWithParam<unsigned> {
 protected:
  using Span = NaiveSpace::Span;
  using There = NaivePage::There;

  SpaceModel() : random_(GetParam()), process_(&machine_.create("model")) {
    static_cast<void>(
        do_munmap(caller(), VirtAddr{0}, mm().layout.task_size - VirtAddr{0}));
    mm().limits.ipc_lock = true;
    committed_ = mm().parts.committed.pages();
  }

  Mm& mm() { return *process_->mm; }
  Caller caller() { return machine_.floor->caller(*process_); }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  std::uint64_t page() { return kFirst + below(kPages); }
  Span span() {
    const std::uint64_t first = page();
    return {first, 1 + below(min_of(std::uint64_t{6}, kFirst + kPages - first))};
  }
  std::uint64_t access() {
    static constexpr std::uint64_t kKinds[] = {0, 1, 3, 3, 3, 5, 7};
    return kKinds[below(std::size(kKinds))];
  }
  static VirtAddr at(std::uint64_t page) { return VirtAddr{page << kPageShift}; }
  static Bytes bytes(Span span) { return size_of(PageCount{span.count}); }

  template <class T>
  void same(const Result<T>& result, NaiveSpace::Answer answer) {
    const int ours = result.has_value() ? 0 : static_cast<int>(result.error());
    ASSERT_EQ(ours, answer.has_value() ? static_cast<int>(*answer) : 0);
  }

  void map() {
    const Span where = span();
    const std::uint64_t prot = access();
    const std::uint64_t extra = below(4) != 0 ? 0 : below(2) != 0 ? map::kNoReserve : map::kLocked;
    const auto mapped = do_mmap(
        caller(), {.address = at(where.first),
                   .length = bytes(where),
                   .prot = prot,
                   .flags = map::kPrivate | map::kAnonymous | map::kFixed | extra});
    same(mapped, {});
    VmFlags flags = static_cast<VmFlags>(prot);
    if (extra == map::kNoReserve) flags |= VmFlags::kNoReserve;
    if (extra == map::kLocked) flags |= VmFlags::kLocked;
    naive_.map(where, flags);
  }
  void unmap() {
    const Span where = span();
    same(do_munmap(caller(), at(where.first), bytes(where)), {});
    naive_.unmap(where);
  }
  void protect() {
    const Span where = span();
    const std::uint64_t prot = access();
    same(do_mprotect(caller(), at(where.first), bytes(where), prot),
         naive_.protect(where, static_cast<VmFlags>(prot)));
  }
  void lock() {
    const Span where = span();
    const bool on_fault = below(3) == 0;
    const VmFlags locks = on_fault ? VmFlags::kAnyLocked : VmFlags::kLocked;
    same(do_mlock(caller(), at(where.first), bytes(where), on_fault ? lock::kOnFault : 0),
         naive_.lock(where, locks));
  }
  void unlock() {
    const Span where = span();
    same(do_munlock(caller(), at(where.first), bytes(where)),
         naive_.lock(where, VmFlags::kNone));
  }
  void advise() {
    struct Kind {
      Advice advice;
      VmFlags set, clear;
    };
    static constexpr Kind kKinds[] = {
        {Advice::kDontFork, VmFlags::kDontCopy, VmFlags::kNone},
        {Advice::kDoFork, VmFlags::kNone, VmFlags::kDontCopy},
        {Advice::kWipeOnFork, VmFlags::kWipeOnFork, VmFlags::kNone},
        {Advice::kKeepOnFork, VmFlags::kNone, VmFlags::kWipeOnFork},
        {Advice::kSequential, VmFlags::kSeqRead, VmFlags::kRandRead},
        {Advice::kRandom, VmFlags::kRandRead, VmFlags::kSeqRead},
        {Advice::kNormal, VmFlags::kNone, VmFlags::kSeqRead | VmFlags::kRandRead}};
    const Kind& kind = kKinds[below(std::size(kKinds))];
    const Span where = span();
    same(do_madvise(caller(), at(where.first), bytes(where), kind.advice),
         naive_.advise(where, kind.set, kind.clear));
  }
  void forget() {
    const Span where = span();
    same(do_madvise(caller(), at(where.first), bytes(where), Advice::kDontNeed),
         naive_.forget(where));
  }
  void move() {
    const std::uint64_t from = page(), to = page();
    const bool keep = below(2) != 0;
    const std::uint64_t flags =
        remap::kMayMove | remap::kFixed | (keep ? remap::kDontUnmap : 0);
    same(do_mremap(caller(), {at(from), kPageSize, kPageSize, flags, at(to)}),
         naive_.move({from, to}, keep));
  }
  void grow() {
    const std::uint64_t where = page();
    same(do_mremap(caller(), {.old_address = at(where),
                              .old_length = kPageSize,
                              .new_length = kPageSize * 2}),
         naive_.grow(where));
  }
  void write() {
    const std::uint64_t where = page();
    const auto there = naive_.pages.find(where);
    const bool allowed = there != naive_.pages.end() && any(there->second.flags & VmFlags::kWrite);
    const FaultEnd end = machine_.try_touch(*process_, at(where), Access::kUserWrite);
    ASSERT_EQ(end == FaultEnd::kMinor, allowed);
    if (!allowed) return;
    there->second.there = There::kYes;
    there->second.value = static_cast<char>('a' + below(26));
    machine_.write(*process_, at(where), {&there->second.value, 1});
  }
  // The child goes on.
  void fork() {
    Process& child = machine_.fork(*process_);
    machine_.exit(*process_);
    process_ = &child;
    mm().limits.ipc_lock = true;
    naive_.fork();
  }

  void step() {
    static constexpr void (SpaceModel::*kSteps[])() = {
        &SpaceModel::map,    &SpaceModel::map,     &SpaceModel::unmap,  &SpaceModel::protect,
        &SpaceModel::lock,   &SpaceModel::protect, &SpaceModel::unlock, &SpaceModel::advise,
        &SpaceModel::forget, &SpaceModel::move,    &SpaceModel::move,   &SpaceModel::grow,
        &SpaceModel::write,  &SpaceModel::write,   &SpaceModel::write,  &SpaceModel::write};
    if (below(60) == 0) return fork();
    (this->*kSteps[below(std::size(kSteps))])();
  }

  void compare() {
    ASSERT_EQ(mm().vmas.fault(), nullptr);
    for (std::uint64_t number = kFirst; number <= kFirst + kPages; ++number) {
      const Vma* const vma = mm().vmas.at(at(number));
      const auto naive = naive_.pages.find(number);
      ASSERT_EQ(vma != nullptr, naive != naive_.pages.end()) << "page " << number - kFirst;
      if (vma == nullptr) continue;
      ASSERT_EQ(raw(vma->flags & kCompared), raw(naive->second.flags & kCompared))
          << "page " << number - kFirst;
      compare_page(number, naive->second);
    }
    ASSERT_EQ(mm().total.raw(), naive_.pages.size());
    ASSERT_EQ(mm().locked.raw(), naive_.count(VmFlags::kLocked));
    ASSERT_EQ((mm().parts.committed.pages() - committed_).raw(),
              naive_.count(VmFlags::kAccount));
  }
  void compare_page(std::uint64_t number, const NaivePage& page) {
    std::uint8_t there = 9;
    same(do_mincore(caller(), at(number), kPageSize, {&there, 1}), {});
    if (page.there != There::kMaybe) {
      ASSERT_EQ(there, page.there == There::kYes ? 1 : 0) << number - kFirst;
    }
    if (page.there != There::kYes || !any(page.flags & VmFlags::kAccess)) return;
    ASSERT_EQ(machine_.read(*process_, at(number), 1)[0], page.value) << number - kFirst;
  }

  std::mt19937_64 random_;
  ProcessMachine machine_;
  Process* process_;
  NaiveSpace naive_;
  PageCount committed_;
};

TEST_P(SpaceModel, CallsDoWhatTheyDoToEachPageByItself) {
  for (unsigned i = 0; i < 20000; ++i) {
    step();
    if (!HasFatalFailure()) compare();
    ASSERT_FALSE(HasFatalFailure()) << "seed " << GetParam() << ", step " << i;
  }
  machine_.exit(*process_);
  EXPECT_TRUE(audited(machine_.machine));
}

INSTANTIATE_TEST_SUITE_P(Seeds, SpaceModel, testing::Range(1u, 9u));

}  // namespace
}  // namespace quire
