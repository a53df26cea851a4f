// The files of a simulated machine, by path, on one disk that takes its time. Their bytes are not
// kept, but what is checkable of them: a stamp for each page, in its first eight bytes.
//
// Stamps     A page that nobody has written has the stamp that its file and place give it; whoever
//            writes its first eight bytes gives it a new one. Kept where the machine has content.
// Ownership  Owns all files; an open one is counted (File), and goes with its last user. The store
//            outlives every process's use of it.
// Locking    One OS thread, on a CPU of the machine.
// Errors     open(): none but memory. A disk's error is for who reads or writes.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>

#include "engine/cost_model.hpp"
#include "fault/fault.hpp"
#include "filemap/filemap.hpp"
#include "hosts/sim/sim_file.hpp"
#include "machine/machine.hpp"

namespace quire {

class StoredFile final : public BlockFile {
 public:
  struct Parts {
    SimDisk& disk;
    KmemCache& nodes;
    bool stamps;
  };
  StoredFile(const Parts& parts, std::string path, Bytes size);

  void read(PageCache& cache, const PageRun& run) override;
  void write(PageCache& cache, const PageRun& run) override;
  Result<void> resize(Bytes size) override;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] Mapping& mapping() { return mapping_; }
  // What the first eight bytes of page `index` were on the disk when nobody had written there.
  [[nodiscard]] std::uint64_t first_stamp(std::uint64_t index) const;

 private:
  [[nodiscard]] std::uint64_t stamp_on_disk(std::uint64_t index) const;

  SimDisk& disk_;
  const std::string path_;
  const bool stamps_;
  const std::uint64_t seed_;
  const std::uint64_t first_size_;
  std::unordered_map<std::uint64_t, std::uint64_t> written_;  // stamps on the disk, by page
  std::uint64_t zero_from_;  // pages from here on were never on the disk, or once cut off
  Mapping mapping_;
  FileVmas vmas_;
};

class FileStore final : public FileOwner {
 public:
  struct Parts {
    SimHost& host;
    Machine& machine;
    ProcessFloor& floor;
    const CostModel& cost;
    bool stamps;
  };
  explicit FileStore(const Parts& parts);
  ~FileStore();
  FileStore(const FileStore&) = delete;
  FileStore& operator=(const FileStore&) = delete;

  // The file at `path`, with a reference for the caller. `size` is that of a file which is not
  // there yet.
  File& open(const std::string& path, Bytes size, File::Mode mode);
  static StoredFile& of(const File& file) {
    return static_cast<StoredFile&>(*file.mapping().file());
  }
  void release(File& file) override;

 private:
  const Parts parts_;
  SimDisk disk_;
  std::map<std::string, std::unique_ptr<StoredFile>> files_;
  std::unordered_map<File*, std::unique_ptr<File>> opened_;
};

}  // namespace quire
