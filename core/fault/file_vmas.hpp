// The VMAs that show one file, by which of its pages they show (i_mmap): so that a page that leaves
// the file, or is to be written, is found in all page tables.
//
// Ownership  Whoever made the Mapping, of which this is the MappingUsers.
// Locking    The Mapping's own sleeping lock here orders changes and walks; zapping takes tables'
//            locks below it. A VMA that is being taken away leaves first.
// Source     Documentation/mm/ (reverse mapping of files).
#pragma once

#include "base/base.hpp"
#include "filemap/filemap.hpp"
#include "host/host.hpp"
#include "vma/vma.hpp"

namespace quire {

class FileVmas final : public MappingUsers {
 public:
  explicit FileVmas(Mapping& mapping) { mapping.set_users(this); }
  FileVmas(const FileVmas&) = delete;
  FileVmas& operator=(const FileVmas&) = delete;

  // `vma` shows the file from now on, or no longer.
  void add(Vma& vma);
  void remove(Vma& vma);
  // The one of the file that `vma` shows.
  static FileVmas& of(const Vma& vma) {
    return *static_cast<FileVmas*>(vma.file->mapping().users());
  }

  // While it lives nobody looks for the pages of the file, if any, that `vma` shows: they move.
  class Stop {
   public:
    explicit Stop(const Vma& vma) : lock_(vma.file == nullptr ? nullptr : &of(vma).lock_) {
      if (lock_ != nullptr) lock_->lock();
    }
    ~Stop() {
      if (lock_ != nullptr) lock_->unlock();
    }
    Stop(const Stop&) = delete;
    Stop& operator=(const Stop&) = delete;

   private:
    RwSemaphore* const lock_;
  };

  void unmap(Mapping& mapping, const Part& part) override;
  bool clean(Mapping& mapping, Page& page) override;
  bool has_writers() override;

 private:
  template <class Visit>
  void for_each(Interval pages, Visit visit);

  RwSemaphore lock_;
  IntervalTree vmas_;
};

}  // namespace quire
