// Random steps of two processes, a parent and at times its child, in one small arena: what the
// model of address spaces is held against, and, as scripts, Linux (recorder/fault_steps.c).
#pragma once

#include <cstdint>
#include <cstdio>
#include <random>
#include <string>

#include "base/base.hpp"
#include "mm/mman.hpp"

namespace quire {

struct SpaceStep {
  enum class Op : std::uint8_t {
    kMap,
    kUnmap,
    kProtect,
    kLock,
    kLockOnFault,
    kUnlock,
    kLockAll,
    kUnlockAll,
    kAdvise,
    kMove,
    kGrow,
    kWrite,
    kRead,
    kFork,
    kExit,
    kSucceed,  // the parent exits, and its child is the parent from now on
  };
  Op op{};
  bool by_child = false;
  std::uint64_t first = 0;   // pages
  std::uint64_t count = 1;
  std::uint64_t value = 0;   // protection, advice, flags of mremap, or a byte
  std::uint64_t more = 0;    // flags of mmap; where to move, in pages; which byte to write
  std::uint64_t offset = 0;  // of a mapping of the file, in pages

  // As a line of a script, whose file is its number 0.
  [[nodiscard]] std::string line() const {
    const std::string at = " " + hex(first << kPageShift);
    const std::string range = at + " " + hex(count << kPageShift);
    const std::string by = by_child ? "c " : "";
    switch (op) {
      case Op::kMap:
        return by + "mmap" + range + " " + hex(value) + " " + hex(more) +
               ((more & map::kAnonymous) != 0 ? " -1 0" : " 0 " + hex(offset << kPageShift));
      case Op::kUnmap: return by + "munmap" + range;
      case Op::kProtect: return by + "mprotect" + range + " " + hex(value);
      case Op::kLock: return by + "mlock" + range;
      case Op::kLockOnFault: return by + "mlock2" + range + " 0x1";
      case Op::kUnlock: return by + "munlock" + range;
      case Op::kLockAll: return by + "mlockall " + hex(value);
      case Op::kUnlockAll: return by + "munlockall";
      case Op::kAdvise: return by + "madvise" + range + " " + hex(value);
      case Op::kMove:
        return by + "mremap" + range + " 0x1000 " + hex(value) + " " + hex(more << kPageShift);
      case Op::kGrow: return by + "mremap" + range + " 0x2000 0x0 0x0";
      case Op::kWrite: return by + "w" + at + " 1";
      case Op::kRead: return by + "r" + at + " 1";
      case Op::kFork: return "fork";
      case Op::kSucceed: return "succeed";
      default: return "exit";
    }
  }

 private:
  static std::string hex(std::uint64_t value) {
    char text[24];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
  }
};

class SpaceSteps {
 public:
  static constexpr std::uint64_t kPages = 40;
  // Children: none, ones that exit before their parents, ones of which some succeed them. These
  // have shared memory and a file as well. There are recordings of each.
  enum class Family : std::uint8_t { kNone, kChild, kHeirs };
  static constexpr std::uint64_t kFilePages = 16;

  // The arena begins with page `first`.
  SpaceSteps(unsigned seed, Family family, std::uint64_t first = 0x100000000)
      : random_(seed), family_(family), first_(first) {}

  [[nodiscard]] std::uint64_t first() const { return first_; }
  [[nodiscard]] bool has_child() const { return has_child_; }

  SpaceStep next() {
    using enum SpaceStep::Op;
    if (family_ != Family::kNone && below(60) == 0) return change_family();
    static constexpr SpaceStep::Op kOps[] = {
        kMap,    kMap,    kUnmap,  kProtect, kLock, kLockOnFault, kProtect,
        kUnlock, kUnlock, kAdvise, kAdvise,  kMove, kMove,        kGrow,
        kRead,   kRead,   kWrite,  kWrite,   kWrite, kWrite};
    SpaceStep step{.op = kOps[below(std::size(kOps))]};
    step.by_child = has_child_ && below(2) != 0;
    if (family_ == Family::kHeirs && below(80) == 0) return lock_all(step);
    step.first = page();
    fill(step);
    return step;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  SpaceStep change_family() {
    using enum SpaceStep::Op;
    const bool had = has_child_;
    has_child_ = !had;
    if (!had) return {.op = kFork};
    return {.op = family_ == Family::kHeirs && below(2) != 0 ? kSucceed : kExit};
  }
  SpaceStep lock_all(SpaceStep step) {
    step.op = below(2) != 0 ? SpaceStep::Op::kLockAll : SpaceStep::Op::kUnlockAll;
    step.value = 1 + below(7);
    return step;
  }
  void fill(SpaceStep& step) {
    using enum SpaceStep::Op;
    if (step.op == kMove) {
      step.more = page();
      step.value = remap::kMayMove | remap::kFixed | (below(2) != 0 ? remap::kDontUnmap : 0);
    }
    if (step.op == kWrite) {
      step.value = 'a' + below(26);
      step.more = below(kPageSize.raw());
    }
    if (step.op == kMove || step.op == kGrow || step.op == kWrite || step.op == kRead) return;
    step.count = 1 + below(min_of(std::uint64_t{6}, first_ + kPages - step.first));
    if (step.op == kMap || step.op == kProtect) step.value = access();
    if (step.op == kAdvise) step.value = advice();
    if (step.op != kMap) return;
    const std::uint64_t extra =
        below(4) != 0 ? 0 : below(2) != 0 ? map::kNoReserve : map::kLocked;
    const std::uint64_t kind = family_ == Family::kHeirs ? below(6) : 0;
    const bool of_file = kind > 3;
    if (of_file) step.offset = below(kFilePages);
    step.more = (kind % 2 != 0 ? map::kShared : map::kPrivate) |
                (of_file ? 0 : map::kAnonymous) | map::kFixed | extra;
  }
  std::uint64_t page() { return first_ + below(kPages); }
  std::uint64_t access() {
    static constexpr std::uint64_t kKinds[] = {0, 1, 3, 3, 3, 5, 7};
    return kKinds[below(std::size(kKinds))];
  }
  std::uint64_t advice() {
    using enum Advice;
    static constexpr Advice kKinds[] = {kDontNeed,  kDontNeed,   kDontNeed,   kDontFork, kDoFork,
                                        kWipeOnFork, kKeepOnFork, kSequential, kRandom,   kNormal};
    // All there are, and some that are none.
    if (family_ == Family::kHeirs && below(2) != 0) return below(27);
    return static_cast<std::uint64_t>(kKinds[below(std::size(kKinds))]);
  }

  std::mt19937_64 random_;
  const Family family_;
  const std::uint64_t first_;
  bool has_child_ = false;
};

}  // namespace quire
