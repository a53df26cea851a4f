#include "mm/backing.hpp"

#include <new>

#include "fault/fault.hpp"

namespace quire::backing {
namespace {

// A file of zeros, with all that belongs to it: goes with its last opener.
struct SharedZeros final : FileOwner {
  SharedZeros(const MmParts& shared, Bytes size, PageCount promised)
      : mapping(shared.file_nodes, nullptr, size),
        vmas(mapping),
        file(mapping, {}, "/dev/zero (deleted)", this),
        parts(shared),
        charged(promised) {}

  void release(File&) override {
    const MmParts& shared = parts;
    shared.cache.evict(mapping);
    shared.committed.drop(charged);
    this->~SharedZeros();
    shared.kmalloc.free(this);
  }

  Mapping mapping;
  FileVmas vmas;
  File file;
  const MmParts& parts;
  const PageCount charged;
};

// The pages of the file that `part` shows.
PageCache::Want shown(const Vma& vma, VirtRange part) {
  return {vma.index_of(part.start), whole_pages(part.length()).raw()};
}

}  // namespace

Result<VmFlags> allow(const MmapRequest& request, VmFlags flags) {
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
  return mode.write ? flags : flags & ~(VmFlags::kMayWrite | VmFlags::kShared);
}

Result<File*> shared_zeros(const Caller& caller, Bytes length, VmFlags flags) {
  const MmParts& parts = caller.mm.parts;
  const PageCount pages = any(flags & VmFlags::kNoReserve) ? PageCount{0} : whole_pages(length);
  QUIRE_TRY(charge(caller.mm, pages));
  void* const memory = parts.kmalloc.alloc(sizeof(SharedZeros), Gfp::kKernelAccount);
  if (memory == nullptr) {
    uncharge(caller.mm, pages);
    return Errno::kNoMemory;
  }
  auto* const zeros = new (memory) SharedZeros(parts, length, pages);
  parts.cache.open(zeros->mapping);
  return &zeros->file;
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
  static_cast<void>(vma), static_cast<void>(part);
  return Errno::kNotSupported;
}

Result<void> write_back(const Vma& vma, VirtRange) {
  if (vma.file == nullptr || !vma.has(VmFlags::kShared)) return {};
  return vma.mm->parts.cache.fsync(*vma.file);
}

}  // namespace quire::backing
