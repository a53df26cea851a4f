// What exec puts into a new address space: the program's segments, the heap behind them, a stack.
#include "mm/lifetime.hpp"
#include "mm/process.hpp"

namespace quire {
namespace {

constexpr Bytes kStackReserve = kib(128);  // that a stack has beyond the page it begins with

constexpr VmFlags kDataFlags = VmFlags::kMayAll | VmFlags::kAccount;

Result<void> add(Mm& mm, VirtRange range, VmFlags flags) {
  if (flags == (flags & ~VmFlags::kWrite)) flags &= ~VmFlags::kAccount;
  if (mm.vmas.find(range.start) != nullptr && mm.vmas.find(range.start)->start() < range.end)
    return Errno::kInvalid;
  const PageCount pages = whole_pages(range.length());
  if (any(flags & VmFlags::kAccount)) QUIRE_TRY(charge(mm, pages));
  Vma like;
  like.range = range;
  like.flags = flags;
  like.prot = prot_of(flags);
  like.pgoff = range.start.raw() >> kPageShift;
  const auto vma = mm.new_vma(like);
  const auto done = vma.has_value() ? mm.vmas.insert(**vma) : Result<void>{vma.error()};
  if (done.has_value()) {
    account_pages(mm, flags, pages);
    return {};
  }
  if (vma.has_value()) mm.free_vma(**vma);
  if (any(flags & VmFlags::kAccount)) uncharge(mm, pages);
  return done;
}

bool is_whole(const Mm& mm, VirtRange range) {
  return range.start.is_aligned(kPageSize) && range.end.is_aligned(kPageSize) && !range.empty() &&
         mm.parts.rules.mmap_min_addr() <= range.start && range.end <= mm.layout.mmap_base;
}

Result<void> add_segments(Mm& mm, const ProgramImage& image) {
  for (const Segment& segment : image.segments) {
    if (!is_whole(mm, segment.range)) return Errno::kInvalid;
    QUIRE_TRY(add(mm, segment.range, kDataFlags | VmFlags::kSoftDirty |
                                        (segment.access & VmFlags::kAccess)));
    const bool code = any(segment.access & VmFlags::kExec);
    VirtAddr& start = code ? mm.layout.start_code : mm.layout.start_data;
    VirtAddr& end = code ? mm.layout.end_code : mm.layout.end_data;
    if (start == VirtAddr{0}) start = segment.range.start;
    end = segment.range.end;
    mm.layout.start_brk = mm.layout.brk = max_of(mm.layout.brk, segment.range.end);
  }
  return {};
}

Result<void> add_stack(Mm& mm) {
  const VirtAddr top = mm.layout.task_size;
  const Bytes size = kPageSize + min_of(kStackReserve, Bytes{mm.limits.stack});
  mm.layout.start_stack = top;
  return add(mm, {top - size, top},
             kDataFlags | VmFlags::kRead | VmFlags::kWrite | VmFlags::kGrowsDown);
}

}  // namespace

MmLayout layout_of(const AddressSpace& space, const Limits& limits) {
  MmLayout layout;
  layout.task_size = space.task_size;
  const Bytes most = Bytes{space.task_size.raw()} / 6 * 5;
  Bytes gap{limits.stack};
  if (gap + kStackGuardGap > gap) gap += kStackGuardGap;
  gap = min_of(max_of(gap, mib(128)), most);
  layout.mmap_base = (space.task_size - gap).align_up(kPageSize);
  return layout;
}

Result<Mm*> Processes::load(const ProgramImage& image, const Limits& limits) {
  QUIRE_TRY_ASSIGN(mm, Mm::create(parts_.mm, layout_of(parts_.mm.kernel.space(), limits)));
  mm->limits = limits;
  auto done = add_segments(*mm, image);
  if (done.has_value()) done = add_stack(*mm);
  mm->note_peaks();
  mm->end_changes();
  if (done.has_value()) return mm;
  exit_mm(*mm, parts_.anon_vmas);
  return done.error();
}

}  // namespace quire
