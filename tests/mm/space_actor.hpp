// One process and the model of its address space, which make the same steps: answers, flags,
// contents and which pages are there are compared.
#pragma once

#include <optional>
#include <set>

#include "tests/mm/naive_advice.hpp"
#include "tests/mm/space_steps.hpp"
#include "tests/process/process_calls.hpp"

namespace quire {

class SpaceActor {
 public:
  // Nothing is mapped from page `first` on, where the steps are made.
  SpaceActor(ProcessCalls& calls, Process& process, std::uint64_t first)
      : calls_(&calls), process_(&process), first_(first) {
    if (!mm().limits.ipc_lock) mm().limits.ipc_lock = true;
  }
  // Others use the address space as well, elsewhere: its sums are not compared.
  void share() { alone_ = false; }
  // A file that its mappings show, and the model of it.
  struct Shared {
    File* file = nullptr;
    std::shared_ptr<NaiveObject> object{};
  };
  void use(const Shared& file) { file_ = file; }
  [[nodiscard]] Process& process() const { return *process_; }
  // Pages that are promised to this process alone, and what it shows with others.
  [[nodiscard]] std::uint64_t accounted(std::set<const NaiveObject*>& objects) const {
    for (const auto& [at, page] : naive_.pages)
      if (page.object != nullptr) objects.insert(page.object.get());
    return naive_.count(VmFlags::kAccount);
  }

  [[nodiscard]] SpaceActor fork() const {
    SpaceActor child = *this;
    child.process_ = &calls_->fork(*process_);
    child.naive_.fork();
    return child;
  }
  // All but what changes the family.
  void make(const SpaceStep& step) {
    const VirtAddr start = at(step.first);
    const Bytes length = size_of(PageCount{step.count});
    const Span span{step.first, step.count};
    switch (step.op) {
      case SpaceStep::Op::kMap: return map(step);
      case SpaceStep::Op::kUnmap:
        same(do_munmap(caller(), start, length), {});
        return naive_.unmap(span);
      case SpaceStep::Op::kProtect:
        return same(do_mprotect(caller(), start, length, step.value),
                    naive_.protect(span, static_cast<VmFlags>(step.value)));
      case SpaceStep::Op::kLock:
        return same(do_mlock(caller(), start, length), naive_.lock(span, VmFlags::kLocked));
      case SpaceStep::Op::kLockOnFault:
        return same(do_mlock(caller(), start, length, lock::kOnFault),
                    naive_.lock(span, VmFlags::kAnyLocked));
      case SpaceStep::Op::kUnlock:
        return same(do_munlock(caller(), start, length), naive_.lock(span, VmFlags::kNone));
      case SpaceStep::Op::kLockAll:
        return same(do_mlockall(caller(), step.value), naive_.lock_all(step.value));
      case SpaceStep::Op::kUnlockAll:
        do_munlockall(caller());
        return naive_.unlock_all();
      case SpaceStep::Op::kAdvise:
        return same(do_madvise(caller(), start, length, static_cast<Advice>(step.value)),
                    NaiveAdvice(static_cast<Advice>(step.value)).take(naive_, span));
      case SpaceStep::Op::kMove: return move(step);
      case SpaceStep::Op::kGrow:
        return same(do_mremap(caller(), {start, kPageSize, kPageSize * 2, 0, VirtAddr{}}),
                    naive_.grow(step.first));
      case SpaceStep::Op::kWrite: return write(step);
      case SpaceStep::Op::kRead: return read(step);
      default: return;
    }
  }

  void compare() {
    compare_pages();
    if (!alone_) return;
    ASSERT_EQ(mm().total.raw(), naive_.pages.size());
    ASSERT_EQ(mm().locked.raw(), naive_.count(VmFlags::kLocked));
  }
  // Every byte that can be read, too.
  void compare_all() {
    compare();
    for (const auto& [number, page] : naive_.pages)
      if (page.is_there() != There::kNo && any(page.flags & VmFlags::kAccess))
        compare_bytes(number, page);
  }

 private:
  using There = NaivePage::There;
  using Span = NaiveSpace::Span;

  Mm& mm() { return *process_->mm; }
  Caller caller() { return calls_->floor->caller(*process_); }
  static VirtAddr at(std::uint64_t page) { return VirtAddr{page << kPageShift}; }

  template <class T>
  void same(const Result<T>& result, NaiveSpace::Answer answer) {
    const int ours = result.has_value() ? 0 : static_cast<int>(result.error());
    ASSERT_EQ(ours, answer.has_value() ? static_cast<int>(*answer) : 0);
  }

  void map(const SpaceStep& step) {
    const bool shared = (step.more & map::kType) == map::kShared;
    const bool of_file = (step.more & map::kAnonymous) == 0 && file_.file != nullptr;
    NaiveSpace::Shown shown;
    MmapRequest request{.address = at(step.first),
                        .length = size_of(PageCount{step.count}),
                        .prot = step.value,
                        .flags = step.more | (of_file ? 0 : map::kAnonymous)};
    if (of_file) {
      request.file = file_.file;
      request.offset = size_of(PageCount{step.offset});
      shown = {file_.object, step.offset};
    } else if (shared) {
      shown.object =
          std::make_shared<NaiveObject>(step.count, (step.more & map::kNoReserve) == 0);
    }
    same(do_mmap(caller(), request), {});
    VmFlags flags = static_cast<VmFlags>(step.value);
    if (shared) flags |= VmFlags::kShared;
    if ((step.more & map::kNoReserve) != 0) flags |= VmFlags::kNoReserve;
    if ((step.more & map::kLocked) != 0) flags |= VmFlags::kLocked;
    naive_.map({step.first, step.count}, flags, shown);
  }
  void move(const SpaceStep& step) {
    same(do_mremap(caller(), {at(step.first), kPageSize, kPageSize, step.value, at(step.more)}),
         naive_.move({step.first, step.more}, (step.value & remap::kDontUnmap) != 0));
  }
  bool reaches(const SpaceStep& step, VmFlags needed, Access access) {
    const auto there = naive_.pages.find(step.first);
    const bool allowed = there != naive_.pages.end() && any(there->second.flags & needed) &&
                         !there->second.beyond();
    const FaultEnd end = calls_->try_touch(*process_, at(step.first), access);
    EXPECT_EQ(end == FaultEnd::kMinor, allowed);
    return allowed;
  }
  void write(const SpaceStep& step) {
    if (!reaches(step, VmFlags::kWrite, Access::kUserWrite)) return;
    const Bytes offset{step.more};
    const char value = static_cast<char>(step.value);
    naive_.write(step.first, offset, value);
    calls_->write(*process_, at(step.first) + offset, {&value, 1});
  }
  void read(const SpaceStep& step) {
    if (!reaches(step, VmFlags::kAccess, Access::kUserRead)) return;
    NaivePage& page = naive_.pages.at(step.first);
    if (page.is_there() == There::kNo) page.bring(There::kMaybe);
    compare_bytes(step.first, page);
  }

  void compare_pages() {
    {
      const SharedGuard guard(mm().mmap_lock);
      ASSERT_EQ(mm().vmas.fault(), nullptr);
    }
    for (std::uint64_t number = first_; number <= first_ + SpaceSteps::kPages; ++number) {
      const std::optional<VmFlags> flags = flags_at(at(number));
      const auto page = naive_.pages.find(number);
      ASSERT_EQ(flags.has_value(), page != naive_.pages.end()) << number - first_;
      if (!flags.has_value()) continue;
      ASSERT_EQ(raw(*flags & NaivePage::kFlags), raw(page->second.flags)) << number - first_;
      compare_page(number, page->second);
    }
  }
  void compare_page(std::uint64_t number, NaivePage& page) {
    std::uint8_t there = 9;
    same(do_mincore(caller(), at(number), kPageSize, {&there, 1}), {});
    if (std::exchange(page.may_be_gone, false) && there == 0) page.forget();
    if (page.is_there() == There::kMaybe) return;
    ASSERT_EQ(there, page.is_there() == There::kYes ? 1 : 0) << number - first_;
  }
  void compare_bytes(std::uint64_t number, const NaivePage& page) {
    static const std::string kZeros(kPageSize.raw(), '\0');
    const std::string found = calls_->read(*process_, at(number), kPageSize.raw());
    const std::string& content = page.content();
    ASSERT_TRUE(found == (content.empty() ? kZeros : content)) << "page " << number - first_;
  }
  std::optional<VmFlags> flags_at(VirtAddr at) {
    const SharedGuard guard(mm().mmap_lock);
    const Vma* const vma = mm().vmas.at(at);
    return vma == nullptr ? std::nullopt : std::optional(vma->flags.get());
  }

  ProcessCalls* calls_;
  Process* process_;
  std::uint64_t first_;
  bool alone_ = true;
  NaiveSpace naive_;
  Shared file_;
};

}  // namespace quire
