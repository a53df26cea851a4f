// Processes through the C and the C++ API.
#include <gtest/gtest.h>
#include <quire/quire.hpp>

#include <string>
#include <thread>
#include <vector>

#include "tests/api/machines.hpp"

namespace {

using quire::Access;
using quire::Address;
using quire::Machine;
using quire::MapFlags;
using quire::Process;
using quire::Span;

constexpr char kWithContent[] = R"(ram = "128M"
cpus = 2
[kernel]
frame_content = true
)";
constexpr std::uint64_t kPage = 4096;

Machine sim() { return Machine::from_text(kWithContent).value(); }
Machine native() {
  return Machine::from_text(quire::test::kTwoNodes, quire::test::kNative).value();
}

std::string text_at(Process& process, Address at, std::size_t size) {
  std::string text(size, '?');
  EXPECT_TRUE(process.read({at, size}, text.data()).has_value());
  return text;
}

TEST(ProcessApi, WhatIsWrittenIsReadAndForksDoNotSeeEachOther) {
  for (const bool simulated : {true, false}) {
    Machine machine = simulated ? sim() : native();
    Process parent = machine.process("parent").value();
    const Address at = parent.map(2 * kPage).value();
    // Across the boundary of two pages.
    ASSERT_TRUE(parent.write({at + (kPage - 3), 6}, "abcdef").has_value());
    Process child = parent.fork().value();
    EXPECT_EQ(text_at(child, at + (kPage - 3), 6), "abcdef");
    ASSERT_TRUE(child.store(at, 42).has_value());
    EXPECT_EQ(parent.load<int>(at).value(), 0);
    EXPECT_EQ(child.load<int>(at).value(), 42);
  }
}

TEST(ProcessApi, MovableProgramsGoWhereLinuxPutsThemAndWhereChanceDoes) {
  Machine machine = sim();
  constexpr quire_segment kCode{0, 2 * kPage, QUIRE_PROT_READ | QUIRE_PROT_EXEC, 0};
  const quire_program loader{sizeof loader, "ld.so", &kCode, 1, nullptr, 1, 0};
  const quire_program program{sizeof program, "sh", &kCode, 1, &loader, 1, 0};
  const auto maps = [&](const quire_program& image) {
    const std::int64_t pid = quire_process_create(machine.get(), &image);
    EXPECT_GT(pid, 0);
    std::string text = machine.read("/proc/" + std::to_string(pid) + "/maps").value();
    EXPECT_EQ(quire_process_exit(machine.get(), pid), 0);
    return text;
  };
  EXPECT_EQ(maps(program).substr(0, 25), "555555554000-555555556000");
  EXPECT_NE(maps(program).find("\n7ffff7ffd000-7ffff7fff000 r-xp"), std::string::npos);
  EXPECT_EQ(maps(loader).substr(0, 25), "7ffff7ffd000-7ffff7fff000");
  ASSERT_TRUE(machine.write("/proc/sys/kernel/randomize_va_space", "2").has_value());
  EXPECT_NE(maps(program), maps(program));

  const quire_program nested{sizeof nested, "sh", &kCode, 1, &program, 1, 0};
  const quire_program fixed{sizeof fixed, "sh", &kCode, 1, &loader, 0, 0};
  for (const quire_program* const bad : {&nested, &fixed})
    EXPECT_EQ(quire_process_create(machine.get(), bad), -EINVAL);
}

// How often a CPU has flushed, by the machine's own count.
std::uint64_t flushes(Machine& machine, const std::string& row) {
  const std::string text = machine.read("/proc/vmstat").value();
  const std::size_t at = text.find("nr_tlb_local_flush_" + row + ' ');
  return std::stoull(text.substr(text.find(' ', at)));
}

TEST(ProcessApi, TranslationsAreForgottenWhenItIsAskedFor) {
  Machine machine = Machine::from_text("ram = \"128M\"\n[tlb]\n[kernel]\ndebug_tlbflush = true\n")
                        .value();
  Process process = machine.process("flushed").value();
  const Address at = process.map(4 * kPage).value();
  const auto place = static_cast<std::uint64_t>(at);
  const quire_span span{place, 2 * kPage};
  const quire_span kernel{~std::uint64_t{0} << 47, kPage};
  const std::uint64_t all = flushes(machine, "all");
  EXPECT_EQ(quire_flush_tlb_mm(machine.get(), process.pid()), 0);
  EXPECT_EQ(flushes(machine, "all"), all + 1);
  const std::uint64_t one = flushes(machine, "one");
  EXPECT_EQ(quire_flush_tlb_page(machine.get(), process.pid(), place + 5), 0);
  EXPECT_EQ(flushes(machine, "one"), one + 1);
  EXPECT_EQ(quire_flush_tlb_range(machine.get(), process.pid(), &span), 0);
  EXPECT_EQ(flushes(machine, "one"), one + 3);
  EXPECT_EQ(quire_flush_tlb_range(machine.get(), process.pid(), &kernel), -EINVAL);
  EXPECT_EQ(quire_flush_tlb_page(machine.get(), process.pid(), kernel.start), -EINVAL);
  EXPECT_EQ(quire_flush_tlb_range(machine.get(), process.pid(), nullptr), -EINVAL);
  EXPECT_EQ(quire_flush_tlb_mm(machine.get(), process.pid() + 1), -ENOENT);
}

TEST(ProcessApi, SharedMemoryIsEverybodys) {
  Machine machine = sim();
  Process parent = machine.process("parent").value();
  const Address at = parent.map(kPage, Access::kReadWrite, MapFlags::kShared).value();
  Process child = parent.fork().value();
  ASSERT_TRUE(child.store(at, 7).has_value());
  EXPECT_EQ(parent.load<int>(at).value(), 7);
}

TEST(ProcessApi, FaultsAreCounted) {
  Machine machine = sim();
  Process process = machine.process("faults").value();
  const Span span{process.map(10 * kPage).value(), 10 * kPage};
  ASSERT_TRUE(process.touch(span, Access::kRead).has_value());
  EXPECT_EQ(process.faults()->minor, 10u);
  ASSERT_TRUE(process.touch(span, Access::kWrite).has_value());
  ASSERT_TRUE(process.touch(span, Access::kWrite).has_value());
  EXPECT_EQ(process.faults()->minor, 20u);
  EXPECT_EQ(process.faults()->major, 0u);
}

TEST(ProcessApi, CallsDoWhatTheirManualPagesSay) {
  Machine machine = sim();
  Process process = machine.process("calls").value();
  const Span span{process.map(4 * kPage).value(), 4 * kPage};
  ASSERT_TRUE(process.store(span.start + kPage, 'x').has_value());
  EXPECT_EQ(process.resident(span).value(), (std::vector<std::uint8_t>{0, 1, 0, 0}));

  ASSERT_TRUE(process.protect(span, Access::kRead).has_value());
  EXPECT_EQ(process.store(span.start, 'x').error().number, EFAULT);
  EXPECT_EQ(process.load<char>(span.start + kPage).value(), 'x');
  EXPECT_EQ(process.touch(span, Access::kExec).error().number, EFAULT);

  ASSERT_TRUE(process.advise(span, quire::Advice::kDontNeed).has_value());
  EXPECT_EQ(process.load<char>(span.start + kPage).value(), '\0');

  ASSERT_TRUE(process.protect(span, Access::kReadWrite).has_value());
  ASSERT_TRUE(process.store(span.start, 'y').has_value());
  const Address moved = process.resize(span, 64 * kPage).value();
  EXPECT_EQ(process.load<char>(moved).value(), 'y');

  ASSERT_TRUE(process.lock({moved, kPage}).has_value());
  EXPECT_NE(machine.read(process.path("status")).value().find("VmLck:\t       4 kB"),
            std::string::npos);
  ASSERT_TRUE(process.unlock({moved, kPage}).has_value());
  EXPECT_NE(machine.read(process.path("status")).value().find("VmLck:\t       0 kB"),
            std::string::npos);

  ASSERT_TRUE(process.unmap({moved, 64 * kPage}).has_value());
  EXPECT_EQ(process.load<char>(moved).error().number, EFAULT);
  EXPECT_EQ(process.resident({moved, kPage}).error().number, ENOMEM);
  EXPECT_EQ(process.unmap({moved + 1, kPage}).error().number, EINVAL);
}

TEST(ProcessApi, TheHeapBeginsBehindTheProgramAndGrows) {
  Machine machine = sim();
  const quire::Segment data{{Address{0x400000}, 2 * kPage}, Access::kReadWrite};
  Process process = machine.process("heap", {data}).value();
  const Address start = process.brk().value();
  EXPECT_EQ(start, Address{0x402000});
  EXPECT_EQ(process.brk(start + 3 * kPage).value(), start + 3 * kPage);
  ASSERT_TRUE(process.store(start + 2 * kPage, 1).has_value());
  EXPECT_NE(machine.read(process.path("maps")).value().find("00402000-00405000 rw-p"),
            std::string::npos);
  ASSERT_TRUE(process.exec("other", {}).has_value());
  EXPECT_EQ(process.load<int>(start).error().number, EFAULT);
  EXPECT_TRUE(machine.read(process.path("status")).value().starts_with("Name:\tother\n"));
}

TEST(ProcessApi, ItsFilesAreThereWhileItIs) {
  Machine machine = sim();
  std::string path;
  {
    Process process = machine.process("files").value();
    const Address at = process.map(kPage, Access::kReadWrite,
                                   MapFlags::kPrivate | MapFlags::kPopulate).value();
    std::uint64_t word = 0;
    quire_words into{static_cast<std::uint64_t>(at) / kPage, 1, &word};
    EXPECT_EQ(quire_read_words(machine.get(), process.path("pagemap").c_str(), &into), 1);
    EXPECT_EQ(word >> 55, 0x103u) << "present, its only mapping, soft-dirty";
    into.first = word & ((std::uint64_t{1} << 55) - 1);
    EXPECT_EQ(quire_read_words(machine.get(), "/proc/kpagecount", &into), 1);
    EXPECT_EQ(word, 1u);
    path = process.path("smaps");
    EXPECT_TRUE(machine.read(path).has_value());
  }
  EXPECT_EQ(machine.read(path).error().number, ENOENT);
}

TEST(ProcessApi, BadArgumentsAreRefused) {
  quire_machine* const none = nullptr;
  const quire_span span{0x10000, 4096};
  EXPECT_EQ(quire_process_create(none, nullptr), -EINVAL);
  EXPECT_EQ(quire_process_fork(none, 1), -EINVAL);
  Machine machine = sim();
  EXPECT_EQ(quire_process_create(machine.get(), nullptr), -EINVAL);
  EXPECT_EQ(quire_process_fork(machine.get(), 1), -ENOENT) << "before there is any";
  Process process = machine.process("one").value();
  for (const std::int64_t pid : {std::int64_t{0}, std::int64_t{-1}, process.pid() + 1,
                                 process.pid() + (std::int64_t{1} << 32)})
    EXPECT_EQ(quire_process_munmap(machine.get(), pid, &span), -ENOENT) << pid;
  EXPECT_EQ(quire_process_munmap(machine.get(), process.pid(), nullptr), -EINVAL);
  EXPECT_EQ(quire_process_mmap(machine.get(), process.pid(), nullptr), -EINVAL);
  EXPECT_EQ(quire_process_touch(machine.get(), process.pid(), &span, 3), -EINVAL);
  EXPECT_EQ(quire_process_touch(machine.get(), process.pid(), &span, QUIRE_PROT_READ), -EFAULT);
  const quire_span wraps{~std::uint64_t{0} - 10, 100};
  char byte = 0;
  EXPECT_EQ(quire_process_read(machine.get(), process.pid(), &wraps, &byte), -EFAULT);
  EXPECT_EQ(quire_process_touch(machine.get(), process.pid(), &wraps, QUIRE_PROT_READ), -EFAULT);
  const quire::Segment beyond{{Address{~std::uint64_t{0} - 0xfff}, 2 * kPage}, Access::kRead};
  EXPECT_EQ(machine.process("beyond", {beyond}).error().number, EINVAL);
}

TEST(ProcessApi, AMachineWithoutContentHasNoBytes) {
  Machine machine = Machine::from_text(quire::test::kTwoNodes).value();
  Process process = machine.process("pages").value();
  const Address at = process.map(kPage).value();
  EXPECT_EQ(process.store(at, 1).error().number, EOPNOTSUPP);
  EXPECT_TRUE(process.touch({at, kPage}, Access::kWrite).has_value());
}

TEST(ProcessApi, ThreadsWorkOnProcessesOfTheirOwn) {
  Machine machine = native();
  Process first = machine.process("first").value();
  std::vector<std::thread> threads;
  for (int number = 0; number < 3; ++number)
    threads.emplace_back([&machine, number] {
      const auto on_cpu = machine.attach();
      for (int round = 0; round < 50; ++round) {
        Process process = machine.process("worker").value();
        const Address at = process.map(8 * kPage).value();
        ASSERT_TRUE(process.store(at, number).has_value());
        Process child = process.fork().value();
        ASSERT_TRUE(child.store(at, -1).has_value());
        ASSERT_EQ(process.load<int>(at).value(), number);
        ASSERT_TRUE(machine.read(child.path("smaps")).has_value());
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(machine.read(first.path("statm")).value().substr(0, 3), "33 ");
}

// What kpageflags says of the frame at `at`.
std::uint64_t flags_of(Machine& machine, const Process& process, Address at) {
  std::uint64_t word = 0;
  quire_words into{static_cast<std::uint64_t>(at) / kPage, 1, &word};
  EXPECT_EQ(quire_read_words(machine.get(), process.path("pagemap").c_str(), &into), 1);
  into.first = word & ((std::uint64_t{1} << 55) - 1);
  EXPECT_EQ(quire_read_words(machine.get(), "/proc/kpageflags", &into), 1);
  return word;
}

TEST(ProcessApi, ACpuThatIsLeftKeepsNoPagesFromTheirList) {
  Machine machine = native();
  Process process = machine.process("lists").value();
  const Address at = process.map(kPage).value();
  constexpr std::uint64_t kOnList = 1u << 5;
  std::thread([&] {
    const auto on_cpu = machine.attach();
    ASSERT_TRUE(process.store(at, 1).has_value());
    EXPECT_EQ(flags_of(machine, process, at) & kOnList, 0u) << "in the batch of its CPU";
  }).join();
  EXPECT_EQ(flags_of(machine, process, at) & kOnList, kOnList);
}

TEST(ProcessApi, PinnedPagesAreTheProcesssOwnWhileItForks) {
  for (const bool simulated : {true, false}) {
    Machine machine = simulated ? sim() : native();
    Process process = machine.process("pinned").value();
    const Address at = process.map(2 * kPage).value();
    quire::PinnedPages buffer = process.pin({at + 5, kPage}).value();
    ASSERT_EQ(buffer.size(), 2u) << "the span touches both";
    Process child = process.fork().value();
    ASSERT_TRUE(process.store(at, 1).has_value());
    static_cast<int*>(buffer.content(0))[0] = 2;
    EXPECT_EQ(process.load<int>(at).value(), 2);
    EXPECT_EQ(child.load<int>(at).value(), 0);
    buffer = process.pin({at, 1}, quire::Pin::kRead).value();
    EXPECT_EQ(buffer.size(), 1u);
  }
}

TEST(ProcessApi, OnlyPagesThatAreHeldAreGivenBack) {
  Machine machine = sim();
  Process process = machine.process("held").value();
  const Address at = process.map(kPage).value();
  const quire_user_pages wanted{{static_cast<std::uint64_t>(at), 3 * kPage}, QUIRE_FOLL_WRITE, 0};
  quire_page* pages[4] = {};
  quire_machine* const c = machine.get();
  ASSERT_EQ(quire_process_get_user_pages(c, process.pid(), &wanted, pages), 1) << "one is mapped";
  EXPECT_EQ(quire_unpin_user_pages(c, pages, 1, 0), -EINVAL) << "a reference is no pin";
  quire_page* const twice[] = {pages[0], pages[0]};
  EXPECT_EQ(quire_put_user_pages(c, twice, 2), -EINVAL);
  EXPECT_EQ(quire_put_user_pages(c, pages, 1), 0);
  EXPECT_EQ(quire_put_user_pages(c, pages, 1), -EINVAL);
  EXPECT_EQ(quire_put_user_pages(c, nullptr, 1), -EINVAL);
  EXPECT_EQ(quire_put_user_pages(c, nullptr, 0), 0);
  EXPECT_EQ(quire_process_pin_user_pages(c, process.pid() + 1, &wanted, pages), -ENOENT);
  EXPECT_EQ(quire_process_pin_user_pages(c, process.pid(), nullptr, pages), -EINVAL);
  quire_user_pages strange = wanted;
  strange.flags = 0x40000;  // FOLL_PIN is not the caller's
  EXPECT_EQ(quire_process_pin_user_pages(c, process.pid(), &strange, pages), -EINVAL);
  strange = {{~std::uint64_t{0}, kPage}, 0, 0};
  EXPECT_EQ(quire_process_pin_user_pages(c, process.pid(), &strange, pages), -EINVAL);
  strange = {{~std::uint64_t{0} << 47, 1}, 0, 0};
  EXPECT_EQ(quire_process_pin_user_pages(c, process.pid(), &strange, pages), -EFAULT);
}

}  // namespace
