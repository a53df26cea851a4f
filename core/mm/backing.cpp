// Until there are files: none can be mapped, so no VMA has one.
#include "mm/backing.hpp"

namespace quire::backing {

Result<VmFlags> allow(const MmapRequest&, VmFlags) { return Errno::kNoDevice; }
Result<File*> shared_zeros(const Caller&, Bytes, VmFlags) { return Errno::kNotSupported; }
void release(File*) {}
void attach(Vma&) {}
void detach(Vma&) {}
void before_change(Vma&) {}
void after_change(Vma&) {}
bool is_cached(const Vma&, VirtAddr) { return false; }
Result<void> read_ahead(Vma&, VirtRange) { return {}; }
Result<void> punch(Vma&, VirtRange) { return Errno::kNotSupported; }
Result<void> write_back(const Vma&, VirtRange) { return {}; }

}  // namespace quire::backing
