// Files in memory alone (shmem): what memfd_create(2) gives and what shared anonymous mappings
// show, each with all that belongs to it and one opening.
//
// Promises   Pages count as committed: all of them when the file is made, where its maker has
//            charged for them, or each as it comes (MAP_NORESERVE, memfd).
// Ownership  Goes, pages and all, with the last reference to its File.
// Errors     kNoMemory. kNoSpace for a page beyond what may be committed.
// Source     Documentation/filesystems/tmpfs.rst, mm/overcommit-accounting.rst, memfd_create(2).
#pragma once

#include <array>
#include <string_view>

#include "fault/fault.hpp"
#include "filemap/filemap.hpp"
#include "vma/vma.hpp"

namespace quire {

// Counts a file's pages as committed while they are there.
class ShmemBlocks final : public MappingBlocks {
 public:
  explicit ShmemBlocks(const MmParts& parts) : parts_(parts) {}
  Result<void> take() override;
  void give_back() override { parts_.committed.drop(PageCount{1}); }

 private:
  const MmParts& parts_;
};

class ShmemFile final : public FileOwner {
 public:
  struct Plan {
    std::array<std::string_view, 3> path;  // its pieces; copied
    Bytes size{};
    PageCount promised{};          // charged already: taken back with the file
    bool promise_by_page = false;
    Seals seals = Seals::kSeal;
  };
  // With one reference.
  static Result<File*> make(const MmParts& parts, const Plan& plan);
  ShmemFile(const ShmemFile&) = delete;
  ShmemFile& operator=(const ShmemFile&) = delete;

  void release(File& file) override;

 private:
  ShmemFile(const MmParts& parts, const Plan& plan, std::string_view path);

  const MmParts& parts_;
  const PageCount promised_;
  ShmemBlocks blocks_;
  Mapping mapping_;
  FileVmas vmas_;
  File file_;
};

}  // namespace quire
