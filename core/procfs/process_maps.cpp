// /proc/PID/maps, smaps and smaps_rollup.
#include "filemap/filemap.hpp"
#include "procfs/footprint.hpp"
#include "procfs/process_files.hpp"

namespace quire {
namespace {

// The letters of the VmFlags row, in the order of the flags' bits.
struct FlagName {
  VmFlags flag;
  std::string_view name;
};
constexpr FlagName kFlagNames[] = {
    {VmFlags::kRead, "rd"},       {VmFlags::kWrite, "wr"},      {VmFlags::kExec, "ex"},
    {VmFlags::kShared, "sh"},     {VmFlags::kMayRead, "mr"},    {VmFlags::kMayWrite, "mw"},
    {VmFlags::kMayExec, "me"},    {VmFlags::kMayShare, "ms"},   {VmFlags::kGrowsDown, "gd"},
    {VmFlags::kPfnMap, "pf"},     {VmFlags::kLocked, "lo"},     {VmFlags::kIo, "io"},
    {VmFlags::kSeqRead, "sr"},    {VmFlags::kRandRead, "rr"},   {VmFlags::kDontCopy, "dc"},
    {VmFlags::kDontExpand, "de"}, {VmFlags::kLockOnFault, "??"}, {VmFlags::kAccount, "ac"},
    {VmFlags::kNoReserve, "nr"},  {VmFlags::kHugeTlb, "ht"},    {VmFlags::kSync, "sf"},
    {VmFlags::kWipeOnFork, "wf"}, {VmFlags::kDontDump, "dd"},   {VmFlags::kSoftDirty, "sd"},
    {VmFlags::kMixedMap, "mm"},   {VmFlags::kHugePage, "hg"},   {VmFlags::kNoHugePage, "nh"},
    {VmFlags::kMergeable, "mg"}};

// What stands before the name, up to the column where names begin.
class Header {
 public:
  explicit Header(const Mm& mm)
      : columns_{mm.tables.format().address_bits == 32 ? 48u : 72u} {}

  void begin(VirtRange range) {
    row_.hex(range.start.raw(), {8}).ch('-').hex(range.end.raw(), {8});
  }
  void rights(VmFlags flags) {
    const auto has = [&](VmFlags flag) { return any(flags & flag); };
    row_.ch(' ').ch(has(VmFlags::kRead) ? 'r' : '-').ch(has(VmFlags::kWrite) ? 'w' : '-')
        .ch(has(VmFlags::kExec) ? 'x' : '-').ch(has(VmFlags::kMayShare) ? 's' : 'p');
  }
  void file(Bytes offset, const FileIdentity& file) {
    row_.ch(' ').hex(offset.raw(), {8}).ch(' ').hex(file.device_major, {2}).ch(':');
    row_.hex(file.device_minor, {2}).ch(' ').dec(file.inode).ch(' ');
  }
  struct Name {
    std::string_view text;
    bool deleted = false;
  };
  void finish(const Name& name, Text& out) {
    row_.flush();
    if (name.text.empty())
      out.str(sink_.text());
    else
      out.str(sink_.text(), columns_).ch(' ').str(name.text);
    out.str(name.deleted ? " (deleted)" : "").nl();
  }

 private:
  const Width columns_;
  char storage_[112];
  BufferSink sink_{storage_, sizeof storage_};
  Text row_{sink_};
};

// Parts of programs that no file backs have a name by their place.
std::string_view name_of(const Vma& vma) {
  const MmLayout& layout = vma.mm->layout;
  if (vma.file != nullptr) return vma.file->path();
  if (vma.start() <= layout.brk && vma.end() >= layout.start_brk) return "[heap]";
  if (vma.start() <= layout.start_stack && vma.end() >= layout.start_stack) return "[stack]";
  return {};
}

void show_header(const Vma& vma, Text& out) {
  Header header(*vma.mm);
  header.begin(vma.range);
  header.rights(vma.flags);
  const FileIdentity none;
  const bool of_file = vma.file != nullptr;
  const FileIdentity& identity = of_file ? vma.file->mapping().identity : none;
  header.file(size_of(PageCount{of_file ? vma.pgoff : 0}), identity);
  header.finish({name_of(vma), identity.unlinked.load(std::memory_order_relaxed)}, out);
}

template <class Visit>
void for_each_vma(Process& process, Visit visit) {
  const SharedGuard guard(process.mm->mmap_lock);
  for (const Vma* vma = process.mm->vmas.first(); vma != nullptr; vma = vma->next) visit(*vma);
}

void show_flags(const Vma& vma, Text& out) {
  out.str("VmFlags: ");
  for (const FlagName& flag : kFlagNames)
    if (vma.has(flag.flag)) out.str(flag.name).ch(' ');
  out.nl();
}

}  // namespace

void show_maps(const ProcSources&, Process& process, Text& out) {
  for_each_vma(process, [&](const Vma& vma) { show_header(vma, out); });
}

void show_smaps(const ProcSources&, Process& process, Text& out) {
  MeminfoRows rows(out, nullptr);
  for_each_vma(process, [&](const Vma& vma) {
    show_header(vma, out);
    rows.pages("Size", vma.pages().raw());
    rows.pages("KernelPageSize", 1);
    rows.pages("MMUPageSize", 1);
    Footprint footprint;
    footprint.add(vma);
    footprint.show(rows, false);
    out.str("THPeligible:    0").nl();
    show_flags(vma, out);
  });
}

void show_smaps_rollup(const ProcSources&, Process& process, Text& out) {
  Footprint footprint;
  VirtRange all{};
  for_each_vma(process, [&](const Vma& vma) {
    footprint.add(vma);
    if (all.empty()) all.start = vma.start();
    all.end = vma.end();
  });
  Header header(*process.mm);
  header.begin(all);
  header.rights(VmFlags::kNone);
  header.file({}, {});
  header.finish({"[rollup]"}, out);
  MeminfoRows rows(out, nullptr);
  footprint.show(rows, true);
}

}  // namespace quire
