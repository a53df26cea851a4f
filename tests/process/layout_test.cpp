// Where exec puts what: each run of tests/oracle/recorder/layouts.c made again. What nothing is
// left to chance in is compared to the byte; of the rest, the recorded runs and ours pass the same
// check of how far each place is from where it would be without chance.
#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

#include "procfs/procfs.hpp"
#include "tests/process/process_machine.hpp"

namespace quire::testing {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kWindow = 0x7ffffffff000;
constexpr std::uint64_t kWindow32 = 0xffffe000;  // of a 32-bit program on a 64-bit kernel
constexpr std::uint64_t kImageLength = 0x15000;
constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

struct Setting {
  std::string program;
  std::int64_t random = 0;
  std::uint64_t stack = 0;
  std::uint32_t personality = 0;
  std::uint64_t legacy = 0;
  unsigned bits = 0;

  [[nodiscard]] bool wide() const { return !program.ends_with("32"); }
  [[nodiscard]] bool is(const std::string& name) const { return program.starts_with(name); }
  [[nodiscard]] bool bottom_up() const {
    return legacy != 0 || (personality & Limits::kAddrCompatLayout) != 0;
  }
  [[nodiscard]] bool by_chance() const {
    return random != 0 && (personality & Limits::kAddrNoRandomize) == 0;
  }
};

// A row of the recording.
struct Places {
  std::uint64_t text = 0, brk = 0, mapped = 0, stack = 0, stack_end = 0, start_stack = 0;
  std::uint64_t loader = 0, vvar = 0, vdso = 0, vdso_end = 0;
};
struct Recorded {
  std::string header;
  Setting setting;
  std::vector<Places> runs;
};

Setting parse_setting(const std::string& line) {
  Setting setting;
  std::istringstream in(line.substr(3));
  in >> setting.program;
  std::map<std::string, std::string> words;
  for (std::string word; in >> word;)
    words[word.substr(0, word.find('='))] = word.substr(word.find('=') + 1);
  setting.random = std::stoll(words.at("random"));
  setting.stack = std::stoull(words.at("stack"));
  const std::string& personality = words.at("personality");
  setting.personality = static_cast<std::uint32_t>(std::stoul(personality, nullptr, 16));
  setting.legacy = std::stoull(words.at("legacy"));
  setting.bits = static_cast<unsigned>(std::stoul(words.at("bits")));
  return setting;
}

std::vector<Recorded> recorded() {
  std::ifstream in(QUIRE_TESTS_DIR "/process/recorded/layouts.log");
  std::vector<Recorded> all;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("== ")) all.push_back({line, parse_setting(line), {}});
    if (!line.starts_with("r ")) continue;
    std::istringstream row(line.substr(2));
    Places p;
    row >> std::hex >> p.text >> p.brk >> p.mapped >> p.stack >> p.stack_end >> p.start_stack >>
        p.loader >> p.vvar >> p.vdso >> p.vdso_end;
    all.back().runs.push_back(p);
  }
  EXPECT_GT(all.size(), 160U);
  return all;
}

// Of `start` to `end` without their last three digits, which are 0.
struct Ends {
  std::uint64_t start, end;
};
VirtRange pages(Ends ends) { return {VirtAddr{ends.start << 12}, VirtAddr{ends.end << 12}}; }

// The segments of the three programs.
constexpr VmFlags kReadExec = VmFlags::kRead | VmFlags::kExec;
constexpr VmFlags kReadWrite = VmFlags::kRead | VmFlags::kWrite;
const Segment kFixed[] = {{pages({0x400, 0x401}), VmFlags::kRead},
                          {pages({0x401, 0x402}), kReadExec},
                          {pages({0x402, 0x403}), VmFlags::kRead},
                          {pages({0x403, 0x414}), kReadWrite}};
const Segment kMovable[] = {{pages({0, 0x1}), VmFlags::kRead},
                            {pages({0x1, 0x2}), kReadExec},
                            {pages({0x2, 0x3}), VmFlags::kRead},
                            {pages({0x3, kImageLength >> 12}), kReadWrite}};
const ProgramImage kLoader{"show_loader", kMovable, true};

class LayoutMachine : public ProcessMachine {
 public:
  explicit LayoutMachine(std::uint64_t seed = 1)
      : ProcessMachine(default_shape(), SimOptions{.seed = seed}) {}

  void set(const std::string& name, std::int64_t value) {
    EXPECT_TRUE(machine.proc().set(name, std::to_string(value)).has_value()) << name;
  }
  void set(const Setting& setting) {
    set("kernel.randomize_va_space", setting.random);
    set("vm.legacy_va_layout", static_cast<std::int64_t>(setting.legacy));
    set("vm.mmap_rnd_bits", setting.bits);
  }

  Places run(const Setting& setting) {
    set(setting);
    ProgramImage image{setting.program, kMovable, true, &kLoader};
    if (setting.is("show_loader")) image.interpreter = nullptr;
    if (setting.is("show_fixed")) image = {setting.program, kFixed};
    Limits limits;
    limits.stack = setting.stack;
    limits.personality = setting.personality;
    Process& process = **floor->processes().create(image, limits);
    const MmLayout& layout = process.mm->layout;
    const Vma& stack = *process.mm->vmas.last();
    Places places{.text = min_of(layout.start_data, layout.start_code).raw(),
                  .brk = layout.brk.raw(),
                  .stack = stack.start().raw(),
                  .stack_end = stack.end().raw(),
                  .start_stack = layout.start_stack.raw()};
    if (!setting.is("show_fixed")) places.loader = loader(*process.mm, places, setting);
    places.mapped = map(process, 1).raw();
    exit(process);
    return places;
  }

 private:
  static std::uint64_t loader(const Mm& mm, const Places& places, const Setting& setting) {
    if (setting.is("show_loader")) return places.text;
    const Vma* vma = mm.vmas.first();
    if (vma->start().raw() != places.text) return vma->start().raw();
    while (vma->start().raw() < places.text + kImageLength) vma = vma->next;
    return vma->start().raw();
  }
};

// Where mappings would begin if chance moved nothing: below the longest stack, or a third up.
std::uint64_t least_moved(const Setting& setting) {
  const std::uint64_t window = setting.wide() ? kWindow : kWindow32;
  const auto up = [](std::uint64_t at) { return (at + kPage - 1) / kPage * kPage; };
  if (setting.bottom_up()) return up(window / 3);
  const std::uint64_t stack_moves = setting.wide() ? 0x3fffff000 : 0x7ff000;
  const std::uint64_t room = (1 << 20) + stack_moves;
  std::uint64_t gap = setting.stack;
  if (gap <= kUnlimited - room) gap += room;
  return up(window - std::clamp<std::uint64_t>(gap, 128 << 20, window / 6 * 5));
}

// By how much each place was moved.
struct Moves {
  std::uint64_t mappings = 0, stack = 0, heap = 0, image = 0;
};
Moves moves_of(const Setting& setting, const Places& at) {
  Moves moves;
  const bool fixed = setting.is("show_fixed");
  if (setting.bottom_up()) {
    const std::uint64_t first = !fixed ? at.loader : at.vvar != 0 ? at.vvar : at.mapped;
    moves.mappings = first - least_moved(setting);
  } else {
    const std::uint64_t end = !fixed              ? at.loader + kImageLength
                              : at.vdso_end != 0 ? at.vdso_end
                                                 : at.mapped + kPage;
    moves.mappings = least_moved(setting) - end;
  }
  moves.stack = (setting.wide() ? kWindow : kWindow32) - at.stack_end;
  const std::uint64_t length = fixed ? 0x14000 : kImageLength;
  const std::uint64_t apart = setting.wide() ? 0x555555555000 : 0x56555000;
  moves.heap = at.brk - (setting.is("show_loader") ? apart : at.text + length);
  if (setting.is("show_pie")) moves.image = at.text - (setting.wide() ? 0x555555554000 : apart);
  return moves;
}

// Each bit of a move is left to chance, and nothing beyond.
void expect_chance(const Setting& setting, const std::vector<Places>& runs) {
  ASSERT_GE(runs.size(), 32U);
  Moves all;
  std::uint64_t first_words = 0;
  for (const Places& at : runs) {
    const Moves moves = moves_of(setting, at);
    all.mappings |= moves.mappings;
    all.stack |= moves.stack;
    all.heap |= moves.heap;
    all.image |= moves.image;
    EXPECT_EQ(at.start_stack % 16, 0U);
    EXPECT_GE(at.start_stack, at.stack);
    EXPECT_LE(at.stack_end - at.start_stack, 0x2000 + 512U) << "and the arguments";
    first_words |= at.stack_end - at.start_stack;
  }
  const auto moved = [](unsigned bits) { return ((std::uint64_t{1} << bits) - 1) * kPage; };
  const unsigned mapping_bits = setting.wide() ? setting.bits : 8;
  EXPECT_EQ(all.mappings, moved(mapping_bits));
  EXPECT_EQ(all.stack, moved(setting.wide() ? 22 : 11));
  EXPECT_EQ(all.heap, setting.random < 2 ? 0 : moved(setting.wide() ? 18 : 13));
  EXPECT_EQ(all.image, setting.is("show_pie") ? moved(mapping_bits) : 0);
  EXPECT_EQ(first_words | 0x2000, 0x3ff0U);
}

TEST(Layout, WithoutChanceIsLinuxsForEachProgramAndLimitOfTheStack) {
  LayoutMachine test;
  unsigned compared = 0;
  for (const Recorded& linux : recorded()) {
    if (linux.setting.by_chance() || !linux.setting.wide()) continue;
    SCOPED_TRACE(linux.header);
    ASSERT_EQ(linux.runs.size(), 1U);
    const Places want = linux.runs[0];
    const Places have = test.run(linux.setting);
    EXPECT_EQ(have.text, want.text);
    EXPECT_EQ(have.brk, want.brk);
    EXPECT_EQ(have.mapped, want.mapped);
    EXPECT_EQ(have.stack, want.stack);
    EXPECT_EQ(have.stack_end, want.stack_end);
    EXPECT_EQ(have.loader, want.loader);
    ++compared;
  }
  EXPECT_EQ(compared, 3 * (36 + 4U));
  EXPECT_TRUE(audited(test.machine));
}

TEST(Layout, ByChanceMovesAsManyBitsAsLinuxMoves) {
  LayoutMachine test;
  for (const Recorded& linux : recorded()) {
    if (!linux.setting.by_chance()) continue;
    SCOPED_TRACE(linux.header);
    expect_chance(linux.setting, linux.runs);
    if (!linux.setting.wide()) continue;
    std::vector<Places> ours;
    for (int i = 0; i < 64; ++i) ours.push_back(test.run(linux.setting));
    expect_chance(linux.setting, ours);
  }
  EXPECT_TRUE(audited(test.machine));
}

// A 64-bit kernel's addresses of 32-bit programs; only where a program goes that may lie anywhere
// is another place on a 32-bit kernel, which cannot be asked here.
TEST(Layout, Of32BitsMovesAsManyBitsAsLinuxMoves) {
  AddressSpace space;
  space.format = &kThreeLevels;
  space.task_size = VirtAddr{kWindow32};
  Chance chance(7);
  for (const Recorded& linux : recorded()) {
    if (!linux.setting.is("show_fixed32")) continue;
    SCOPED_TRACE(linux.header);
    Limits limits;
    limits.stack = linux.setting.stack;
    limits.personality = linux.setting.personality;
    std::vector<Places> ours;
    for (int i = 0; i < 64; ++i) {
      const ExecLayout layout({space, limits,
                               {linux.setting.random, 8, linux.setting.legacy != 0},
                               chance});
      const VirtAddr base = layout.areas().mmap_base;
      const VirtAddr top = layout.stack_top();
      ours.push_back({.text = 0x8048000,
                      .brk = layout.heap_start(VirtAddr{0x805c000}).raw(),
                      .mapped = (layout.areas().bottom_up ? base : base - kPageSize).raw(),
                      .stack = top.raw() - 0x21000,
                      .stack_end = top.raw(),
                      .start_stack = layout.start_stack(top).raw()});
    }
    if (linux.setting.by_chance()) {
      expect_chance(linux.setting, ours);
      continue;
    }
    const Moves want = moves_of(linux.setting, linux.runs[0]);
    const Moves have = moves_of(linux.setting, ours[0]);
    EXPECT_EQ(want.mappings, 0U);
    EXPECT_EQ(have.mappings, 0U);
    EXPECT_EQ(have.stack, want.stack);
    EXPECT_EQ(have.heap, want.heap);
  }
}

TEST(Layout, FollowsFromTheSeedOfTheHost) {
  const Setting setting{"show_pie", 2, 8 << 20, 0, 0, 28};
  const auto places = [&](std::uint64_t seed) {
    LayoutMachine test(seed);
    const Places first = test.run(setting), second = test.run(setting);
    EXPECT_NE(first.mapped, second.mapped) << "of two programs";
    return std::vector{first.text, first.brk, first.mapped, first.stack, second.mapped};
  };
  EXPECT_EQ(places(1), places(1));
  EXPECT_NE(places(1), places(2));
}

TEST(Layout, IsTheParentsAfterForkAndAnotherAfterExec) {
  LayoutMachine test;
  test.set("kernel.randomize_va_space", 2);
  Process& parent = **test.floor->processes().create(kLoader);
  Process& child = test.fork(parent);
  EXPECT_EQ(child.mm->layout.mmap_base, parent.mm->layout.mmap_base);
  EXPECT_EQ(child.mm->layout.start_brk, parent.mm->layout.start_brk);
  ASSERT_TRUE(test.floor->processes().exec(child, kLoader).has_value());
  EXPECT_NE(child.mm->layout.mmap_base, parent.mm->layout.mmap_base);
  EXPECT_NE(child.mm->layout.start_brk, parent.mm->layout.start_brk);
  test.exit(child);
  test.exit(parent);
}

TEST(Layout, HeapThatChanceMovedGrowsFromWhereItBegins) {
  LayoutMachine test;
  test.set("kernel.randomize_va_space", 2);
  Process& process = **test.floor->processes().create({"heap", kFixed});
  const VirtAddr start = process.mm->layout.start_brk;
  EXPECT_GT(start, VirtAddr{0x414000});
  const Caller caller = test.floor->caller(process);
  EXPECT_EQ(do_brk(caller, start + kib(8)), start + kib(8));
  test.touch(process, start, Access::kUserWrite);
  EXPECT_EQ(do_brk(caller, start - kPageSize), start + kib(8)) << "below its beginning";
  test.exit(process);
}

TEST(Layout, ProgramsThatDoNotFitAreRefusedAndLeaveNothing) {
  LayoutMachine test;
  test.exit(**test.floor->processes().create(kLoader));
  const std::uint64_t before = test.used_pages();
  const auto refusal = [&](std::vector<Segment> segments, bool movable) {
    return test.floor->processes().create({"bad", segments, movable}).error();
  };
  EXPECT_EQ(refusal({{pages({0, 0x1}), kReadExec}}, false), Errno::kInvalid) << "mmap_min_addr";
  constexpr std::uint64_t kLast = kWindow >> 12;
  EXPECT_EQ(refusal({{{VirtAddr{0x400000}, VirtAddr{0x400800}}, kReadExec}}, false),
            Errno::kInvalid);
  EXPECT_EQ(refusal({{{VirtAddr{0}, VirtAddr{0x800}}, kReadExec}}, true), Errno::kInvalid);
  EXPECT_EQ(refusal({{pages({kLast - 1, kLast}), kReadExec}}, false), Errno::kInvalid)
      << "the stack is there";
  EXPECT_EQ(refusal({{pages({0, kLast}), kReadExec}}, true), Errno::kNoMemory);
  EXPECT_EQ(test.used_pages(), before);
}

TEST(Layout, WithFiveLevelsOnlyWhoAsksForItGetsMoreThan47Bits) {
  Shape shape = ProcessMachine::default_shape();
  shape.arch = ArchProfile::kX86_64La57;
  ProcessMachine test(shape);
  Process& process = test.create("wide");
  EXPECT_EQ(process.mm->layout.mmap_base, VirtAddr{0x7ffff7fff000});
  EXPECT_EQ(process.mm->vmas.last()->end(), VirtAddr{kWindow});
  EXPECT_EQ(test.map(process, 1), VirtAddr{0x7ffff7ffe000});
  MmapRequest request;
  request.length = kPageSize;
  request.flags = map::kPrivate | map::kAnonymous;
  request.address = VirtAddr{std::uint64_t{1} << 50};
  const Caller caller = test.floor->caller(process);
  EXPECT_EQ(*do_mmap(caller, request), request.address);
  EXPECT_GT(*do_mmap(caller, request), VirtAddr{kWindow}) << "what is liked is taken by now";
  request.address = VirtAddr{0};
  EXPECT_EQ(*do_mmap(caller, request), VirtAddr{0x7ffff7ffd000});
  request.length = Bytes{kWindow};
  EXPECT_EQ(do_mmap(caller, request).error(), Errno::kNoMemory);
}

TEST(Layout, RandomizeVaSpaceIsATunableOfItsOwnFolder) {
  LayoutMachine test;
  const ProcTree proc = test.machine.proc();
  EXPECT_EQ(*proc.write("proc/sys/kernel/randomize_va_space", "1\n"), 2U);
  EXPECT_EQ(*proc.set("kernel.randomize_va_space", "2"), 1U);
  EXPECT_EQ(proc.write("proc/sys/kernel/randomize_va_space", "two").error(), Errno::kInvalid);
  for (const char* const name : {"vm.randomize_va_space", "vm.kernel.randomize_va_space",
                                 "kernel.swappiness", "randomize_va_space", "kernel."})
    EXPECT_EQ(proc.set(name, "1").error(), Errno::kNoEntry) << name;
  EXPECT_EQ(proc.write("proc/sys/vm/kernel.randomize_va_space", "1").error(), Errno::kNoEntry);
}

}  // namespace
}  // namespace quire::testing
