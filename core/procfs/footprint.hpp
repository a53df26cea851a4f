// What mappings have in memory, in the words of /proc/PID/smaps.
//
// Locking  mmap_lock, shared. Pages come and go meanwhile: sums are as good as Linux's.
// Source   Documentation/filesystems/proc.rst (smaps).
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "procfs/figures.hpp"
#include "vma/vma.hpp"

namespace quire {

// A page's share in its mappings, which is rounded only when it is shown.
class Shares {
 public:
  void add(std::uint64_t mappings) { sum_ += (kPageSize.raw() << kFraction) / mappings; }
  [[nodiscard]] std::uint64_t kib() const { return sum_ >> (kFraction + 10); }

 private:
  static constexpr unsigned kFraction = 12;
  std::uint64_t sum_ = 0;
};

class Footprint {
 public:
  void add(const Vma& vma);
  // Rss to Pss_Dirty; in a roll-up by kind as well; Shared_Clean to Locked.
  void show(MeminfoRows& rows, bool rolled_up) const;

 private:
  void add_page(const Vma& vma, const Page& page, Prot prot);

  PageCount resident_, referenced_, anonymous_, lazy_free_, swapped_;
  PageCount shared_clean_, shared_dirty_, private_clean_, private_dirty_;
  Shares all_, dirty_, anon_, file_, shmem_, locked_;
};

}  // namespace quire
