#include "mm/shmem_file.hpp"

#include <new>

namespace quire {

Result<void> ShmemBlocks::take() {
  parts_.committed.add(PageCount{1});
  const VmRules& rules = parts_.rules;
  if (rules.overcommit() != Overcommit::kNever ||
      parts_.committed.pages() + rules.admin_reserve() < rules.commit_limit())
    return {};
  give_back();
  return Errno::kNoSpace;
}

ShmemFile::ShmemFile(const MmParts& parts, const Plan& plan, std::string_view path)
    : parts_(parts),
      promised_(plan.promised),
      blocks_(parts),
      mapping_(parts.file_nodes, nullptr, plan.size),
      vmas_(mapping_),
      file_(mapping_, {}, path, this) {
  if (plan.promise_by_page) mapping_.set_blocks(&blocks_);
  mapping_.set_seals(plan.seals);
  constexpr std::uint32_t kShmemDevice = 1;  // the first without a disk
  mapping_.identity.device_minor = kShmemDevice;
  mapping_.identity.inode = parts.last_shmem_inode.fetch_add(1, std::memory_order_relaxed) + 1;
}

// The path lies behind the object.
Result<File*> ShmemFile::make(const MmParts& parts, const Plan& plan) {
  std::size_t length = 0;
  for (const std::string_view piece : plan.path) length += piece.size();
  const auto size = static_cast<std::uint32_t>(sizeof(ShmemFile) + length);
  void* const memory = parts.kmalloc.alloc(size, Gfp::kKernelAccount);
  if (memory == nullptr) return Errno::kNoMemory;
  char* const path = static_cast<char*>(memory) + sizeof(ShmemFile);
  char* end = path;
  for (const std::string_view piece : plan.path)
    for (const char letter : piece) *end++ = letter;
  auto* const made = new (memory) ShmemFile(parts, plan, {path, length});
  parts.cache.open(made->mapping_);
  return &made->file_;
}

void ShmemFile::release(File&) {
  const MmParts& parts = parts_;
  parts.cache.evict(mapping_);
  parts.committed.drop(promised_);
  this->~ShmemFile();
  parts.kmalloc.free(this);
}

}  // namespace quire
