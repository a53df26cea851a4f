#include "mm/backing.hpp"

#include "fault/fault.hpp"
#include "mm/shmem_file.hpp"
#include "mm/unmap.hpp"

namespace quire::backing {
namespace {

// The pages of the file that `part` shows.
PageCache::Want shown(const Vma& vma, VirtRange part) {
  return {vma.index_of(part.start), whole_pages(part.length()).raw()};
}

// Of a shared mapping of a file that is open to write. F_SEAL_WRITE refuses those that only read
// as well, until Linux 6.7.
Result<VmFlags> allow_writer(const File& file, VmFlags flags) {
  if (file.mapping().is_sealed(Seals::kWrite)) return Errno::kPermission;
  if (!file.mapping().is_sealed(Seals::kFutureWrite)) return flags;
  if (any(flags & VmFlags::kWrite)) return Errno::kPermission;
  return flags & ~VmFlags::kMayWrite;
}

}  // namespace

Result<VmFlags> allow(const MmapRequest& request, VmFlags flags) {
  const std::uint64_t length = page_align(request.length).raw();
  if (length > kLargestFile || request.offset.raw() > kLargestFile - length)
    return Errno::kOverflow;
  if (request.file->mapping().users() == nullptr) return Errno::kNoDevice;
  const File::Mode mode = request.file->mode();
  const std::uint64_t type = request.flags & map::kType;
  if (type == map::kSharedValidate && (request.flags & ~map::kLegacy & ~map::kSync) != 0)
    return Errno::kNotSupported;
  if (type == map::kSharedValidate && (request.flags & map::kSync) != 0)
    return Errno::kNotSupported;
  if (type != map::kShared && type != map::kSharedValidate && type != map::kPrivate)
    return Errno::kInvalid;
  if (!mode.read) return Errno::kAccess;
  if (any(flags & VmFlags::kGrowsDown)) return Errno::kInvalid;
  if (type == map::kPrivate) return flags;
  if (!mode.write && any(flags & VmFlags::kWrite)) return Errno::kAccess;
  flags |= VmFlags::kShared | VmFlags::kMayShare;
  if (!mode.write) return flags & ~(VmFlags::kMayWrite | VmFlags::kShared);
  return allow_writer(*request.file, flags);
}

Result<File*> shared_zeros(const Caller& caller, Bytes length, VmFlags flags) {
  const bool now = !any(flags & VmFlags::kNoReserve);
  const PageCount pages = now ? whole_pages(length) : PageCount{0};
  QUIRE_TRY(charge(caller.mm, pages));
  const auto made = ShmemFile::make(caller.mm.parts, {.path = {"/dev/zero (deleted)"},
                                                      .size = length,
                                                      .promised = pages,
                                                      .promise_by_page = !now});
  if (!made.has_value()) uncharge(caller.mm, pages);
  return made;
}

void release(File* file) { file->put(); }

void attach(Vma& vma) {
  if (vma.file == nullptr) return;
  vma.file->get();
  FileVmas::of(vma).add(vma);
}

void detach(Vma& vma) {
  if (vma.file == nullptr) return;
  FileVmas::of(vma).remove(vma);
  vma.file->put();
}

void before_change(Vma& vma) {
  if (vma.file != nullptr) FileVmas::of(vma).remove(vma);
}

void after_change(Vma& vma) {
  if (vma.file != nullptr) FileVmas::of(vma).add(vma);
}

bool is_cached(const Vma& vma, VirtAddr at) {
  return vma.file->mapping().has(vma.index_of(at));
}

Result<void> read_ahead(Vma& vma, VirtRange part) {
  if (vma.file == nullptr) return {};
  vma.mm->parts.cache.advise(*vma.file, ReadAdvice::kWillNeed, shown(vma, part));
  return {};
}

Result<void> punch(Vma& vma, VirtRange part) {
  const Bytes start = size_of(PageCount{vma.index_of(part.start)});
  return vma.mm->parts.cache.punch(vma.file->mapping(), {start, part.length()});
}

Result<void> write_back(const Vma& vma, VirtRange part) {
  if (vma.file == nullptr || !vma.has(VmFlags::kShared)) return {};
  return vma.mm->parts.cache.fsync(*vma.file,
                                   {vma.index_of(part.start), vma.index_of(part.end - kPageSize)});
}

}  // namespace quire::backing
