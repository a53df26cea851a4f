// The files of a machine that its processes open by path.
//
//   below /dev/shm/   in the machine's memory alone (tmpfs)
//   of a native one   the real file of that path
//   of a simulated    one in this process's memory, behind the machine's page cache; it comes to be
//                     by being opened (O_CREAT) and lasts as long as the machine
//
// Ownership  A file stays known while it has a name or is open; openings go with their last
//            reference. What a machine's processes have open when it ends goes with the store.
// Locking    Called on a CPU of the machine. Names and counts are under a mutex.
// Errors     open(2)'s and unlink(2)'s; of real files what the system says.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "hosts/native/native_file.hpp"
#include "hosts/sim/sim_file.hpp"
#include "machine/machine.hpp"

namespace quire::api {

// What a tmpfs may have (tmpfs(5)); 0: no limit. The folder is one of the inodes.
struct TmpfsLimits {
  PageCount size;
  std::uint64_t inodes = 0;
};

// A tmpfs's pages and files, of which there are no more than its limits.
class Tmpfs {
 public:
  explicit Tmpfs(const TmpfsLimits& limits)
      : most_(limits.size.raw()), most_inodes_(limits.inodes) {}
  // Errors: kNoSpace.
  Result<void> take_page();
  void give_page() { pages_.fetch_sub(1, std::memory_order_relaxed); }
  // Under the store's mutex. Errors: kNoSpace; kInvalid, where more is in use.
  Result<void> take_inode();
  void give_inode() { --inodes_; }
  Result<void> remount(const TmpfsLimits& limits);

 private:
  std::atomic<std::uint64_t> pages_ = 0;
  std::atomic<std::uint64_t> most_;
  std::uint64_t inodes_ = 1;
  std::uint64_t most_inodes_;
};

class FileStore {
 public:
  // With a host the files are simulated, and requests of their disk end on that CPU.
  struct Disks {
    SimHost* host = nullptr;
    CpuContext* cpu = nullptr;
  };
  FileStore(ProcessFloor& floor, Disks disks);
  ~FileStore();
  FileStore(const FileStore&) = delete;
  FileStore& operator=(const FileStore&) = delete;

  // With one reference. `flags` as open(2) takes them.
  Result<File*> open(const std::string& path, int flags);
  Result<void> unlink(const std::string& path);
  Result<void> remount(const TmpfsLimits& limits);
  // Writes what is dirty.
  void sync();

 private:
  struct Inode;
  struct Opening;
  using Place = std::shared_ptr<Inode>;

  Result<Place> find_named(const std::string& path, int flags);
  Result<Place> find_real(const std::string& path, int flags);
  void close(Opening& opening);

  ProcessFloor& floor_;
  Tmpfs tmpfs_;
  std::optional<SimDisk> disk_;
  std::mutex mutex_;  // everything below
  std::map<std::string, Place> named_;
  std::uint64_t next_inode_ = 12;  // ext4's first, as its own folders have those before
  std::map<const Opening*, std::unique_ptr<Opening>> openings_;
};

}  // namespace quire::api
