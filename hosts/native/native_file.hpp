// A file of the real system behind a Mapping: pread and pwrite, done before the calls return.
//
// Ownership  The descriptor is the caller's and stays open.
// Errors     Whatever the system says is kIo.
// Locking    None needed: the system's calls are safe beside each other.
#pragma once

#include "filemap/filemap.hpp"

namespace quire {

class NativeFile final : public BlockFile {
 public:
  explicit NativeFile(int descriptor) : descriptor_(descriptor) {}

  void read(PageCache& cache, const PageRun& run) override;
  void write(PageCache& cache, const PageRun& run) override;
  Result<void> resize(Bytes size) override;

 private:
  int descriptor_;
};

}  // namespace quire
