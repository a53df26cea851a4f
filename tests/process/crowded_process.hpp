// A process with mappings of every kind, and all that it and a child of it can see, as text.
#pragma once

#include <sstream>

#include "mm/mm.hpp"
#include "tests/process/disk_file.hpp"

namespace quire::testing {

enum class Family : bool { kAlone, kWithChild };

// At known places; perhaps with a child that shares them.
class CrowdedProcess {
 public:
  static constexpr std::uint64_t kFilePages = 48;
  static constexpr std::uint64_t kWide = 2048;  // a mapping of three tables

  CrowdedProcess(ProcessMachine& machine, Family family) : test(machine) {
    process.mm->limits.ipc_lock = true;
    data.file.get();
    number = *process.files.add(data.file, Descriptors::OnExec::kKeep);
    make({0, 24});
    for (std::uint64_t page = 0; page < 24; page += 2) write(page, "private");
    make({24, 8}, {.prot = prot::kRead});
    make({40, 16}, {map::kPrivate, 0});
    write(42, "copied");
    make({60, 16}, {map::kShared, 16});
    write(61, "written");
    make({80, 8}, {map::kShared | map::kAnonymous});
    write(81, "shared");
    make({90, 4}, {map::kPrivate | map::kAnonymous | map::kLocked});
    make({kWide, 1300});
    for (const std::uint64_t page : {0, 600, 1299}) write(kWide + page, "wide");
    if (family == Family::kWithChild) child = &test.fork(process);
  }
  ~CrowdedProcess() {
    if (pinned != nullptr) unpin_user_pages(process.mm->parts, {&pinned, 1}, Written::kNo);
    if (child != nullptr) test.exit(*child);
    test.exit(process);
  }
  CrowdedProcess(const CrowdedProcess&) = delete;
  CrowdedProcess& operator=(const CrowdedProcess&) = delete;

  struct Span {
    std::uint64_t first;
    std::uint64_t count;
    [[nodiscard]] Bytes length() const { return size_of(PageCount{count}); }
    [[nodiscard]] VirtAddr start() const { return at(first); }
  };
  static VirtAddr at(std::uint64_t page) {
    return VirtAddr{0x10000000000} + size_of(PageCount{page});
  }
  Caller caller() { return test.floor->caller(process); }
  static constexpr std::uint64_t kNoFile = ~std::uint64_t{0};
  struct Kind {
    std::uint64_t flags = map::kPrivate | map::kAnonymous;
    std::uint64_t file_page = kNoFile;  // of the file's, where it shows the file
    std::uint64_t prot = prot::kRead | prot::kWrite;
  };
  Result<VirtAddr> try_map(Span span, const Kind& kind) {
    MmapRequest request{.address = span.start(), .length = span.length(), .prot = kind.prot};
    request.flags = kind.flags | map::kFixed;
    if (kind.file_page != kNoFile) {
      request.file = &data.file;
      request.offset = size_of(PageCount{kind.file_page});
    }
    return do_mmap(caller(), request);
  }
  void make(Span span) { make(span, Kind{}); }
  void make(Span span, const Kind& kind) {
    ASSERT_TRUE(try_map(span, kind).has_value());
  }
  Result<void> touch(VirtAddr place, Access access) {
    test.floor->processes().run(process);
    return test.floor->memory().touch(process, place, access);
  }
  void write(std::uint64_t page, std::string_view text) { test.write(process, at(page), text); }

  // All that the processes see: mappings, whether in one piece or several, bytes, sums.
  std::string look() {
    std::ostringstream out;
    look_at(process, out);
    if (child != nullptr) look_at(*child, out);
    std::string bytes(kFilePages << kPageShift, '?');
    const auto got =
        do_pread(process, number, {0, std::as_writable_bytes(std::span(bytes))});
    out << "file " << (got.has_value() ? got->raw() : 0) << " " << std::hash<std::string>{}(bytes)
        << " committed " << process.mm->parts.committed.pages().raw() << "\n";
    return out.str();
  }

  ProcessMachine& test;
  SimDisk disk{test.host, test.machine.cpus()[0], {}};
  DiskFile data{test, disk, std::string(kFilePages << kPageShift, 'd')};
  Process& process = test.create("memory");
  Process* child = nullptr;
  Page* pinned = nullptr;
  int number = -1;

 private:
  void look_at(Process& of, std::ostringstream& out) {
    test.floor->processes().run(of);
    const Mm& mm = *of.mm;
    out << of.task.name() << " " << mm.total.raw() << " " << mm.locked.raw() << " "
        << mm.data.raw() << " " << mm.exec.raw() << " " << mm.stack.raw() << " "
        << raw(mm.default_flags) << " " << mm.layout.brk.raw() << "\n";
    for (const Vma* vma = mm.vmas.first(); vma != nullptr; vma = vma->next) {
      const Vma* const below = vma->previous;
      const std::uint64_t flags = raw(vma->flags & ~VmFlags::kSoftDirty);
      const bool goes_on = below != nullptr && below->end() == vma->start() &&
                           raw(below->flags & ~VmFlags::kSoftDirty) == flags &&
                           below->file == vma->file;
      if (!goes_on) out << std::hex << vma->start().raw() << " " << flags << std::dec << "\n";
      for (VirtAddr place = vma->start(); place < vma->end(); place += kPageSize)
        if (vma->file != nullptr || mm.tables.walk(place).has_value())
          look_at_page(of, place, out);
      if (vma->next == nullptr || vma->next->start() != vma->end())
        out << std::hex << vma->end().raw() << std::dec << "\n";
    }
  }
  void look_at_page(Process& of, VirtAddr place, std::ostringstream& out) {
    std::string bytes(kPageSize.raw(), '?');
    const auto to = std::as_writable_bytes(std::span(bytes));
    if (!test.floor->memory().read(of, place, to).has_value())
      out << "-";
    else if (bytes != std::string(bytes.size(), '\0'))
      out << place.raw() << ":" << std::hash<std::string_view>{}({bytes.data(), 512}) << "\n";
  }
};

}  // namespace quire::testing
