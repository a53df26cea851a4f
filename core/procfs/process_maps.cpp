// /proc/PID/maps, smaps, smaps_rollup and numa_maps.
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

// A path as one word.
void show_escaped(std::string_view path, Text& out) {
  for (const char c : path) {
    if (c != ' ' && c != '=' && c != '\t' && c != '\n') {
      out.ch(c);
      continue;
    }
    const auto code = static_cast<unsigned>(c);
    out.ch('\\').ch('0').dec(code >> 3 & 7).dec(code & 7);
  }
}

// What a mapping has in memory, and on which nodes.
class NodePages {
 public:
  explicit NodePages(const Nodes& nodes) : nodes_(nodes) {}

  void add(const Vma& vma) {
    const Mm& mm = *vma.mm;
    const PagingFormat& format = mm.tables.format();
    mm.tables.for_each_entry(vma.range, [&](VirtAddr, const EntrySlot& slot, Entry entry) {
      const Pfn frame = format.frame_of(slot.level, entry);
      const bool counts = entry.present() && frame != mm.parts.zero_page;
      const Page* const page = counts ? mm.parts.map.page_of(frame) : nullptr;
      if (page != nullptr) add_page(*page, format.prot_of(entry));
    });
  }
  void show(Text& out) const {
    if (pages_ == 0) return;
    const auto row = [&](std::string_view name, std::uint64_t value, bool wanted) {
      if (wanted) out.ch(' ').str(name).ch('=').dec(value);
    };
    row("anon", anonymous_, anonymous_ != 0);
    row("dirty", dirty_, dirty_ != 0);
    row("mapped", pages_, pages_ != anonymous_ && pages_ != dirty_);
    row("mapmax", most_mapped_, most_mapped_ > 1);
    row("active", active_, active_ < pages_);
    row("writeback", writeback_, writeback_ != 0);
    for (std::size_t node = 0; node < on_.size(); ++node)
      if (on_.data()[node] != 0) out.str(" N").dec(node).ch('=').dec(on_.data()[node]);
    out.str(" kernelpagesize_kB=4");
  }

 private:
  void add_page(const Page& page, Prot prot) {
    const PageWord word = page.word_racy();
    ++pages_;
    ++on_.data()[index_of(nodes_.zone_of(word).node)];
    anonymous_ += is_anonymous(page) ? 1 : 0;
    dirty_ += any(prot & Prot::kDirty) || word.has(PageFlag::kDirty) ? 1 : 0;
    active_ += word.has(PageFlag::kActive) || word.has(PageFlag::kUnevictable) ? 1 : 0;
    writeback_ += word.has(PageFlag::kWriteback) ? 1 : 0;
    most_mapped_ = max_of(most_mapped_, static_cast<std::uint64_t>(mapcount(page)));
  }

  const Nodes& nodes_;
  std::uint64_t pages_ = 0, anonymous_ = 0, dirty_ = 0, active_ = 0, writeback_ = 0;
  std::uint64_t most_mapped_ = 0;
  std::array<std::uint32_t, kMaxNodes> on_{};
};

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

// There are no policies: all is where the default has it.
void show_numa_maps(const ProcSources& from, Process& process, Text& out) {
  for_each_vma(process, [&](const Vma& vma) {
    out.hex(vma.start().raw(), {8}).str(" default");
    const std::string_view name = name_of(vma);
    if (vma.file != nullptr) {
      show_escaped(name, out.str(" file="));
      if (vma.file->mapping().identity.unlinked.load(std::memory_order_relaxed))
        out.str("\\040(deleted)");
    } else if (!name.empty()) {
      out.ch(' ').str(name.substr(1, name.size() - 2));
    }
    NodePages pages(from.nodes);
    pages.add(vma);
    pages.show(out);
    out.nl();
  });
}

}  // namespace quire
