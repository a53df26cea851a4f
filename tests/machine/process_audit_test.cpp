// What the audit finds of processes, of files' pages and of the lists of pages in use.
#include <functional>
#include <ostream>

#include "tests/process/ram_file.hpp"

namespace quire::testing {
namespace {

// Two processes with pages of every kind: their own, shared, of zeros, of a file, of shared memory.
class Populated : public ProcessMachine {
 public:
  Populated() {
    anon = map(parent, 16);
    for (unsigned i = 0; i < 4; ++i) touch(parent, page(anon, i), Access::kUserWrite);
    touch(parent, page(anon, 8), Access::kUserRead);
    file = map_file(map::kShared);
    own = map_file(map::kPrivate);
    const VirtAddr memory = map_memory();
    for (const VirtAddr at : {page(file, 0), page(own, 1), memory})
      touch(parent, at, Access::kUserRead);
    touch(parent, page(file, 2), Access::kUserWrite);
    child = &fork(parent);
    touch(*child, page(anon, 0), Access::kUserWrite);
    floor->lru().drain_all();
  }
  ~Populated() {
    exit(*child);
    exit(parent);
  }
  static VirtAddr page(VirtAddr at, unsigned number) { return at + size_of(PageCount{number}); }
  Mm& mm() { return *parent.mm; }
  EntrySlot slot(VirtAddr at) { return mm().tables.find_slot(at); }
  Entry entry(VirtAddr at) { return mm().tables.load(slot(at)); }
  Page& at(VirtAddr place) { return *machine.map().page_of(frame(parent, place)); }
  // The parent's alone; shared with the child.
  Page& alone() { return at(page(anon, 0)); }
  Page& shared() { return at(page(anon, 2)); }
  void change(VirtAddr place, Entry now) { exchange_entry(mm().tables.format(), slot(place), now); }
  static void change(PageCount& count, int sign) {
    count = sign > 0 ? count + PageCount{1} : count - PageCount{1};
  }
  void flip(Page& of, PageFlag flag) {
    (of.word.has(flag) ? of.word.clear(flag) : of.word.set(flag));
  }
  void count(NodeItem item, int change) {
    machine.nodes().node(node_id(0)).stat[index_of(item)].fetch_add(change);
  }

  Process& parent = create("parent");
  RamFile disk{*this, std::string(8 * kPageSize.raw(), 'f')};
  Process* child = nullptr;
  VirtAddr anon, file, own;

 private:
  VirtAddr map_file(std::uint64_t type) {
    MmapRequest request;
    request.length = kPageSize * 4;
    request.prot = prot::kRead | prot::kWrite;
    request.flags = type;
    request.file = &disk.file;
    return *do_mmap(floor->caller(parent), request);
  }
  VirtAddr map_memory() {
    MmapRequest request;
    request.length = kPageSize * 4;
    request.prot = prot::kRead | prot::kWrite;
    request.flags = map::kShared | map::kAnonymous;
    return *do_mmap(floor->caller(parent), request);
  }
};

// act(machine, 1) does the damage, act(machine, -1) takes it back.
struct Damage {
  const char* name;
  const char* message;
  std::function<void(Populated&, int)> act;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

const Damage kDamages[] = {
    {"OrderOfVmas", "process 1, at 0x0",
     [](Populated& m, int sign) {
       m.mm().vmas.at(m.anon)->range.end += kPageSize * static_cast<std::uint64_t>(sign);
     }},
    {"VmaBeyondTheUsersAddresses", "that is no pages of the user's",
     [](Populated& m, int sign) {
       static VirtAddr kept;
       if (sign > 0) kept = m.mm().layout.task_size;
       m.mm().layout.task_size = sign > 0 ? VirtAddr{0x1000} : kept;
     }},
    {"VmaOfAnother", "a mapping of another process",
     [](Populated& m, int sign) {
       m.mm().vmas.at(m.anon)->mm = sign > 0 ? m.child->mm : m.parent.mm;
     }},
    {"TotalOfPages", "total_vm is not",
     [](Populated& m, int sign) { m.change(m.mm().total, sign); }},
    {"LockedPages", "locked_vm is not",
     [](Populated& m, int sign) { m.mm().locked = PageCount{sign > 0 ? 1u : 0u}; }},
    {"PagesOfData", "data_vm is not",
     [](Populated& m, int sign) { m.change(m.mm().data, sign); }},
    {"PagesOfCode", "exec_vm is not",
     [](Populated& m, int sign) { m.change(m.mm().exec, sign); }},
    {"PagesOfStack", "stack_vm is not",
     [](Populated& m, int sign) { m.change(m.mm().stack, sign); }},
    {"Mapcount", "has a mapcount that is not the number of entries",
     [](Populated& m, int sign) { m.shared().mapcount += sign; }},
    {"MappedByNobody", "has a mapcount that is not the number of entries",
     [](Populated& m, int sign) {
       static Page* page;
       if (sign > 0) page = m.alloc(Gfp::kKernel, 0);
       page->mapcount += sign;
       if (sign < 0) m.free(page, 0);
     }},
    {"References", "has fewer references than users",
     [](Populated& m, int sign) { m.shared().refcount -= sign; }},
    {"ReferencesOfAFilesPage", "has fewer references than users",
     [](Populated& m, int sign) { m.at(m.page(m.file, 0)).refcount -= sign; }},
    {"ResidentPages", "the count of resident pages is not",
     [](Populated& m, int sign) { m.mm().count_rss(Rss::kAnon, sign); }},
    {"EntryOutside", "an entry that no mapping has",
     [](Populated& m, int sign) {
       const VirtAddr outside = m.page(m.anon, 16);
       ASSERT_EQ(m.mm().vmas.at(outside), nullptr);
       const Entry entry = sign > 0 ? m.entry(m.anon) : Entry{};
       m.alone().mapcount += sign;
       m.mm().tables.store(*m.mm().tables.make_slot(outside, PageLevel::kPte), entry);
     }},
    {"EntryOfNothing", "an entry that names no page",
     [](Populated& m, int sign) {
       const Entry entry = sign > 0 ? Entry{raw(Prot::kDirty)} : Entry{};
       m.mm().tables.store(m.slot(m.page(m.anon, 5)), entry);
     }},
    {"ZerosThatMayBeWritten", "the page of zeros may be written",
     [](Populated& m, int) {
       const VirtAddr zeros = m.page(m.anon, 8);
       m.change(zeros, Entry{m.entry(zeros).raw() ^ raw(Prot::kWrite)});
     }},
    {"ExclusivePageOfTwo", "is said to be one process's alone",
     [](Populated& m, int) { m.flip(m.shared(), PageFlag::kAnonExclusive); }},
    {"SharedPageThatMayBeWritten", "may be written by who shares it",
     [](Populated& m, int) {
       const VirtAddr at = m.page(m.anon, 2);
       m.change(at, Entry{m.entry(at).raw() ^ raw(Prot::kWrite)});
     }},
    {"PageOfAnotherOffset", "is mapped where its anon_vma does not lead",
     [](Populated& m, int sign) { m.alone().index_low += static_cast<std::uint32_t>(sign * 99); }},
    {"PageInUseThatIsFree", "is mapped and not in use",
     [](Populated& m, int sign) {
       PageWord& word = m.alone().word;
       const PageKind kind = sign > 0 ? PageKind::kReserved : PageKind::kInUse;
       PageWord now(word.zone_bits(), word.order(), kind);
       for (const PageFlag flag : {PageFlag::kUptodate, PageFlag::kSwapBacked, PageFlag::kLru,
                                   PageFlag::kAnonExclusive, PageFlag::kActive})
         if (word.has(flag)) now.set(flag);
       word = now;
     }},
    {"IndexOfAFilesPage", "is mapped where its file has another page",
     [](Populated& m, int sign) {
       m.at(m.page(m.file, 0)).index_low += static_cast<std::uint32_t>(sign * 99);
     }},
    {"PrivateFilePageThatMayBeWritten", "may be written in a private mapping",
     [](Populated& m, int) {
       const VirtAddr at = m.page(m.own, 1);
       m.change(at, Entry{m.entry(at).raw() ^ raw(Prot::kWrite)});
     }},
    {"PageOfAnotherFile", "is in the tree of a file that it does not belong to",
     [](Populated& m, int sign) {
       Page& last = *m.disk.mapping.find(m.machine.map().array(), 7);
       last.mapping += static_cast<std::uint64_t>(sign * 64);
       --last.refcount;
     }},
    {"DirtyPageWithoutItsMark", "is marked in its file's tree other than",
     [](Populated& m, int) { m.flip(m.at(m.page(m.file, 0)), PageFlag::kDirty); }},
    {"PageOnAnotherList", "is on a list that its flags do not say",
     [](Populated& m, int) { m.flip(m.alone(), PageFlag::kActive); }},
    {"LinkBackOfAList", "does not link back on its list",
     [](Populated& m, int sign) { m.alone().prev += static_cast<std::uint32_t>(sign * 5); }},
    {"PageThatIsOnNoList", "another list than the one whose length is",
     [](Populated& m, int sign) {
       static Page* page;
       if (sign > 0) page = m.alloc(Gfp::kKernel, 0);
       m.flip(*page, PageFlag::kLru);
       if (sign < 0) m.free(page, 0);
     }},
    {"CountOfAnonymousPages", "nr_anon_pages is not",
     [](Populated& m, int sign) { m.count(NodeItem::kNrAnonPages, sign); }},
    {"CountOfMappedPages", "nr_mapped is not",
     [](Populated& m, int sign) { m.count(NodeItem::kNrMapped, sign); }},
    {"CountOfFilePages", "nr_file_pages is not",
     [](Populated& m, int sign) { m.count(NodeItem::kNrFilePages, sign); }},
    {"CountOfSharedMemory", "nr_shmem is not",
     [](Populated& m, int sign) { m.count(NodeItem::kNrShmem, sign); }},
    {"CountOfAList", "the counter of a list is not its length",
     [](Populated& m, int sign) { m.count(NodeItem::kNrActiveFile, sign); }},
};

class ProcessAuditFinds : public ::testing::TestWithParam<Damage> {};

TEST_P(ProcessAuditFinds, WhatIsWrongAndNamesIt) {
  Populated machine;
  ASSERT_TRUE(audited(machine.machine));
  GetParam().act(machine, 1);
  StringSink report;
  const Result<void> result = machine.machine.audit(report);
  GetParam().act(machine, -1);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), Errno::kFault);
  EXPECT_NE(report.text.find(GetParam().message), std::string::npos) << report.text;
  EXPECT_EQ(report.text.find('\n'), report.text.size() - 1) << "one line: " << report.text;
  EXPECT_TRUE(audited(machine.machine)) << "once the damage is taken back";
}

INSTANTIATE_TEST_SUITE_P(Damages, ProcessAuditFinds, ::testing::ValuesIn(kDamages),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace quire::testing
