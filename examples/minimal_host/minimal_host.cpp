// The smallest host: everything that Quire's core asks of whoever embeds it, in one file. It is
// built as a kernel is (no library, no thread-local storage, kernel code model) and runs as a
// program that is linked with nothing, on four Linux system calls. In a kernel of your own, replace
// the section "The ground" by yours. docs/HOST.md walks through it.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "machine/machine.hpp"

// The ground: what this host itself stands on ----------------------------------------------------

namespace {

constexpr long kSysWrite = 1;
constexpr long kSysMmap = 9;
constexpr long kSysArchPrctl = 158;
constexpr long kSysExitGroup = 231;

struct SystemCall {
  long number;
  std::uint64_t arguments[6];
};

long invoke(const SystemCall& call) {
  register std::uint64_t fourth asm("r10") = call.arguments[3];
  register std::uint64_t fifth asm("r8") = call.arguments[4];
  register std::uint64_t sixth asm("r9") = call.arguments[5];
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(call.number), "D"(call.arguments[0]), "S"(call.arguments[1]),
                 "d"(call.arguments[2]), "r"(fourth), "r"(fifth), "r"(sixth)
               : "rcx", "r11", "memory");
  return result;
}

void write_text(std::string_view text) {
  constexpr std::uint64_t kStandardOutput = 1;
  while (!text.empty()) {
    const long written = invoke(
        {kSysWrite, {kStandardOutput, reinterpret_cast<std::uint64_t>(text.data()), text.size()}});
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

[[noreturn]] void leave(std::uint64_t status) {
  for (;;) invoke({kSysExitGroup, {status}});
}

// Zeroed pages that cost nothing until they are touched; null when there is no room.
std::byte* map_pages(quire::Bytes size) {
  constexpr std::uint64_t kReadWrite = 0x1 | 0x2;
  constexpr std::uint64_t kPrivateAnonymousNoReserve = 0x2 | 0x20 | 0x4000;
  constexpr std::uint64_t kNoFile = ~std::uint64_t{0};
  const long address = invoke(
      {kSysMmap, {0, size.raw(), kReadWrite, kPrivateAnonymousNoReserve, kNoFile, 0}});
  return address < 0 ? nullptr : reinterpret_cast<std::byte*>(address);
}

// Arch::current() is the word that GS points to: one for each CPU, and this host has one.
quire::CpuContext* current_context;

void bring_up_cpu() {
  constexpr std::uint64_t kSetGs = 0x1001;
  invoke({kSysArchPrctl, {kSetGs, reinterpret_cast<std::uint64_t>(&current_context)}});
}

}  // namespace

// The compiler calls these by itself. String instructions keep it from making each its own callee.
extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) {
  void* const start = to;
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
  return start;
}

void* memmove(void* to, const void* from, std::size_t size) {
  auto* const target = static_cast<char*>(to);
  const auto* const source = static_cast<const char*>(from);
  if (target <= source || target >= source + size) return memcpy(to, from, size);
  for (std::size_t i = size; i-- > 0;) {
    target[i] = source[i];
    asm volatile("" : : : "memory");
  }
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  void* const start = to;
  asm volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(value) : "memory");
  return start;
}

int memcmp(const void* left, const void* right, std::size_t size) {
  const auto* const a = static_cast<const unsigned char*>(left);
  const auto* const b = static_cast<const unsigned char*>(right);
  for (std::size_t i = 0; i < size; ++i)
    if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
  return 0;
}

// <cstring> has two functions of this name, so it is defined under another.
void* find_byte(const void* text, int wanted, std::size_t size) asm("memchr");
void* find_byte(const void* text, int wanted, std::size_t size) {
  const auto* const bytes = static_cast<const unsigned char*>(text);
  for (std::size_t i = 0; i < size; ++i)
    if (bytes[i] == static_cast<unsigned char>(wanted))
      return const_cast<unsigned char*>(bytes + i);
  return nullptr;
}

std::size_t strlen(const char* text) {
  std::size_t length = 0;
  for (; text[length] != '\0'; ++length) asm volatile("" : : : "memory");
  return length;
}

}  // extern "C"

// The host: the contract of core/host/contract.hpp ------------------------------------------------

namespace quire {
namespace {

class MinimalHost final : public Host {
 public:
  Result<std::byte*> reserve_tables(Bytes size, NodeId) override { return map(size); }
  Result<std::byte*> reserve_frames(PageCount frames) override {
    constexpr Bytes kAlign = mib(4);
    QUIRE_TRY_ASSIGN(memory, map(size_of(frames) + kAlign));
    const VirtAddr start{reinterpret_cast<std::uintptr_t>(memory)};
    return memory + (start.align_up(kAlign) - start).raw();
  }
  Result<void> map_frames(std::byte*, PfnRange, NodeId) override { return {}; }
  void log(std::string_view line) override {
    write_text(line);
    write_text("\n");
  }
  [[noreturn]] void panic(std::string_view report) override {
    log(report);
    leave(2);
  }
  std::uint64_t now_ns() override { return __builtin_ia32_rdtsc() - started_; }
  // One CPU and one task: nobody else could run, and nobody else needs a barrier.
  void yield() override {}
  void barrier_all() override {}

 private:
  static Result<std::byte*> map(Bytes size) {
    std::byte* const memory = map_pages(size);
    if (memory == nullptr) return Errno::kNoMemory;
    return memory;
  }

  const std::uint64_t started_ = __builtin_ia32_rdtsc();  // ticks stand in for nanoseconds
};

class LogSink final : public TextSink {
 public:
  void write(std::string_view piece) override { write_text(piece); }
};

// The machine: what firmware would tell -----------------------------------------------------------

constexpr FirmwareRange kFirmwareMap[] = {
    {{PhysAddr{0}, PhysAddr{0x9fc00}}, FirmwareType::kUsable},
    {{PhysAddr{0x9fc00}, PhysAddr{0x100000}}, FirmwareType::kReserved},
    {{PhysAddr{0x100000}, PhysAddr{0x10000000}}, FirmwareType::kUsable},  // 256 MiB in all
};
constexpr NodeId kCpuNodes[] = {NodeId{0}};

MachineSpec describe_machine() {
  MachineSpec spec;
  spec.firmware_map = kFirmwareMap;
  spec.cpu_nodes = kCpuNodes;
  spec.profile.frame_content = true;
  return spec;
}

// Allocates single pages until `wanted` are held, each marked as its own, then gives all back.
// Returns whether each still had its mark.
bool use_pages(Machine& machine, PageCount wanted) {
  PageAllocator& allocator = machine.pages();
  Page* newest = nullptr;
  const auto content_of = [&](Page& page) {
    return reinterpret_cast<Page**>(machine.map().content_of(page));
  };
  for (PageCount held; held < wanted; held += PageCount{1}) {
    Page* const page = allocator.allocate(Gfp::kKernel, Order{0});
    if (page == nullptr) return false;
    Page** const mark = content_of(*page);
    mark[0] = newest;
    mark[1] = page;
    newest = page;
  }
  bool intact = true;
  PageCount freed;
  for (; newest != nullptr; freed += PageCount{1}) {
    Page* const page = newest;
    Page** const mark = content_of(*page);
    newest = mark[0];
    intact = intact && mark[1] == page;
    allocator.free(*page, Order{0});
  }
  return intact && freed == wanted;
}

// A process writes to memory of its own and forks; the child writes there as well. Returns whether
// each reads what it should, and the child at first what its parent wrote.
Result<bool> run_processes(Machine& machine) {
  constexpr std::string_view kParents = "written by the parent";
  constexpr std::string_view kChilds = "and by the child alone";
  constexpr Segment kProgram[] = {
      {{VirtAddr{0x400000}, VirtAddr{0x401000}}, VmFlags::kRead | VmFlags::kExec}};
  QUIRE_TRY_ASSIGN(floor, machine.processes());
  Processes& processes = floor->processes();
  UserMemory& memory = floor->memory();
  const auto reads = [&](Process& process, VirtAddr at, std::string_view wanted) {
    char text[32];
    const std::span<char> there(text, wanted.size());
    processes.run(process);  // its page tables are the CPU's from now on
    return memory.read(process, at, std::as_writable_bytes(there)).has_value() &&
           std::string_view(text, wanted.size()) == wanted;
  };
  const auto write = [&](Process& process, VirtAddr at, std::string_view text) {
    processes.run(process);
    return memory.write(process, at, std::as_bytes(std::span(text)));
  };
  QUIRE_TRY_ASSIGN(parent, processes.create({"parent", kProgram}));
  MmapRequest request;
  request.length = kPageSize;
  request.prot = prot::kRead | prot::kWrite;
  request.flags = map::kPrivate | map::kAnonymous;
  QUIRE_TRY_ASSIGN(at, do_mmap(floor->caller(*parent), request));
  QUIRE_TRY(write(*parent, at, kParents));
  QUIRE_TRY_ASSIGN(child, processes.fork(*parent));
  const bool inherited = reads(*child, at, kParents);
  QUIRE_TRY(write(*child, at, kChilds));
  const bool apart = reads(*child, at, kChilds) && reads(*parent, at, kParents);
  processes.exit(*child);
  processes.exit(*parent);
  return inherited && apart;
}

// The whole life of this program. Its value is the exit status.
std::uint64_t run() {
  bring_up_cpu();
  MinimalHost host;
  Machine machine(host);
  if (const auto booted = machine.boot(describe_machine()); !booted.has_value()) {
    host.log(name_of(booted.error()));
    return 1;
  }
  const OnCpu on_cpu(machine.cpus().front());
  const auto free_pages = [&] {
    machine.pages().drain_all();
    return global_zone_state(machine.nodes(), ZoneItem::kNrFreePages);
  };
  constexpr PageCount kWanted{10000};
  const std::uint64_t before = free_pages();
  const bool intact = use_pages(machine, kWanted);
  const std::uint64_t after = free_pages();

  LogSink sink;
  Text text(sink);
  text.str("minimal_host: ").dec(before).str(" pages free, ").dec(kWanted.raw());
  text.str(" allocated, written and freed, ").dec(after).str(" pages free").nl();
  const Result<bool> ran = run_processes(machine);
  const bool well = ran.has_value() && *ran && machine.audit(sink).has_value();
  text.str("minimal_host: a process that maps, writes, forks and reads ");
  text.str(well ? "saw what Linux would show it" : "failed").nl();
  return intact && before == after && before > kWanted.raw() && well ? 0 : 1;
}

}  // namespace
}  // namespace quire

extern "C" [[noreturn]] void minimal_host_main() { leave(quire::run()); }

// Where the program starts; the stack pointer is aligned as a caller would have it.
asm(".globl _start\n"
    "_start:\n"
    "  xorl %ebp, %ebp\n"
    "  andq $-16, %rsp\n"
    "  call minimal_host_main\n");
