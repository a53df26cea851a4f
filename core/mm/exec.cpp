// What exec puts into a new address space: the program's segments, the heap behind them, a stack.
#include "mm/lifetime.hpp"
#include "mm/process.hpp"
#include "mm/unmapped_area.hpp"

namespace quire {
namespace {

constexpr Bytes kStackReserve = kib(128);  // what a stack has beyond its first page at most

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
         mm.parts.rules.mmap_min_addr() <= range.start && range.end <= mm.layout.task_size;
}

Bytes extent_of(const ProgramImage& image) {
  return image.segments.back().range.end - image.segments.front().range.start;
}

// The program's segments, with address 0 of it at `at`; where they end.
Result<VirtAddr> add_segments(Mm& mm, const ProgramImage& image, VirtAddr at) {
  VirtAddr end{};
  for (const Segment& segment : image.segments) {
    const VirtRange range{at + (segment.range.start - VirtAddr{0}),
                          at + (segment.range.end - VirtAddr{0})};
    if (!is_whole(mm, range)) return Errno::kInvalid;
    QUIRE_TRY(add(mm, range, kDataFlags | VmFlags::kSoftDirty |
                                 (segment.access & VmFlags::kAccess)));
    end = max_of(end, range.end);
  }
  return end;
}

// Where address 0 of `image` goes so that all of it lies where nothing is.
Result<VirtAddr> among_mappings(const Mm& mm, const ProgramImage& image) {
  const Bytes length = extent_of(image);
  if (length == Bytes{} || length != size_of(pages_to_hold(length))) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(at, unmapped_area(mm, {.length = length}));
  return at - (image.segments.front().range.start - VirtAddr{0});
}

// start_code and its kin, of the program itself.
void note_segments(MmLayout& layout, const ProgramImage& image, VirtAddr at) {
  for (const Segment& segment : image.segments) {
    const Bytes moved = at - VirtAddr{0};
    const bool code = any(segment.access & VmFlags::kExec);
    VirtAddr& start = code ? layout.start_code : layout.start_data;
    VirtAddr& end = code ? layout.end_code : layout.end_data;
    if (start == VirtAddr{0}) start = segment.range.start + moved;
    end = segment.range.end + moved;
  }
}

Result<void> add_program(Mm& mm, const ProgramImage& image, const ExecLayout& places) {
  VirtAddr at{};
  const bool apart = image.movable && image.interpreter == nullptr;
  if (image.segments.empty()) return {};
  if (apart) {
    QUIRE_TRY_ASSIGN(found, among_mappings(mm, image));
    at = found;
  } else if (image.movable) {
    at = places.image_base() - (image.segments.front().range.start - VirtAddr{0});
  }
  QUIRE_TRY_ASSIGN(end, add_segments(mm, image, at));
  note_segments(mm.layout, image, at);
  mm.layout.start_brk = mm.layout.brk = places.heap_start(apart ? places.heap_apart() : end);
  if (image.interpreter == nullptr || image.interpreter->segments.empty()) return {};
  QUIRE_TRY_ASSIGN(beside, among_mappings(mm, *image.interpreter));
  QUIRE_TRY(add_segments(mm, *image.interpreter, beside));
  return {};
}

Result<void> add_stack(Mm& mm, const ExecLayout& places) {
  const VirtAddr top = places.stack_top();
  const Bytes limit = size_of(PageCount{mm.limits.stack >> kPageShift});
  const Bytes size = max_of(kPageSize, min_of(kPageSize + kStackReserve, limit));
  mm.layout.start_stack = max_of(places.start_stack(top), top - size);
  return add(mm, {top - size, top},
             kDataFlags | VmFlags::kRead | VmFlags::kWrite | VmFlags::kGrowsDown);
}

}  // namespace

Result<Mm*> Processes::load(const ProgramImage& image, const Limits& limits) {
  const MmParts& parts = parts_.mm;
  const ExecLayout places({parts.kernel.space(), limits, parts.rules.layout(), chance_});
  QUIRE_TRY_ASSIGN(mm, Mm::create(parts, places.areas()));
  mm->limits = limits;
  auto done = add_stack(*mm, places);
  if (done.has_value()) done = add_program(*mm, image, places);
  mm->note_peaks();
  mm->end_changes();
  if (done.has_value()) return mm;
  exit_mm(*mm, parts_.anon_vmas);
  return done.error();
}

}  // namespace quire
