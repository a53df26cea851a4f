// Memory of the process, mapped for as long as its owner lives and backed page by page as it is
// touched: what both hosts answer reserve_tables and map_frames with.
//
// Units      Sizes in bytes, rounded up to whole pages.
// Ownership  Everything that was mapped is unmapped when the Mappings ends; the machine that uses
//            it must be gone by then.
// Locking    Any thread may call.
// Errors     kNoMemory when the process may not have so much address space.
// Cost       One mmap a request; no memory until touched.
#pragma once

#include <mutex>
#include <vector>

#include "base/base.hpp"

namespace quire {

class Mappings {
 public:
  enum class HugePages : bool { kNever, kAsTheSystemSays };

  // kNever keeps what is resident to what was touched, whatever the system's THP mode is.
  explicit Mappings(HugePages huge_pages) : huge_pages_(huge_pages) {}
  ~Mappings();
  Mappings(const Mappings&) = delete;
  Mappings& operator=(const Mappings&) = delete;

  // Zeroed, and aligned to the largest block of pages where it is as large as one.
  Result<std::byte*> map(Bytes size);

  // Address space in use.
  [[nodiscard]] Bytes total() const;

 private:
  struct Mapping {
    std::byte* start;
    Bytes size;
  };

  const HugePages huge_pages_;
  mutable std::mutex mutex_;
  std::vector<Mapping> mappings_;
};

}  // namespace quire
