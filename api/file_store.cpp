#include "api/file_store.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace quire::api {

// A descriptor of the system.
class SystemDescriptor {
 public:
  explicit SystemDescriptor(int number) : number_(number) {}
  ~SystemDescriptor() {
    if (number_ >= 0) ::close(number_);
  }
  SystemDescriptor(SystemDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  SystemDescriptor& operator=(SystemDescriptor&&) = delete;
  [[nodiscard]] int number() const { return number_; }

 private:
  int number_;
};

namespace {

constexpr std::string_view kTmpfs = "/dev/shm/";

Errno system_error() { return static_cast<Errno>(errno); }

// To read and to write, whatever is asked for: a page that is written in part is read before.
Result<SystemDescriptor> open_real(const std::string& path, int flags) {
  const int how = O_CLOEXEC | (flags & (O_CREAT | O_EXCL));
  SystemDescriptor both(::open(path.c_str(), O_RDWR | how, 0666));
  if (both.number() >= 0) return both;
  const bool protected_file = errno == EACCES || errno == EROFS || errno == ETXTBSY;
  if (!protected_file || (flags & O_ACCMODE) != O_RDONLY) return system_error();
  SystemDescriptor reader(::open(path.c_str(), O_RDONLY | how, 0666));
  if (reader.number() < 0) return system_error();
  return reader;
}

std::string key_of(const struct stat& status) {
  return "inode " + std::to_string(status.st_dev) + ' ' + std::to_string(status.st_ino);
}

}  // namespace

Result<void> Tmpfs::take_page() {
  const std::uint64_t most = most_.load(std::memory_order_relaxed);
  if (pages_.fetch_add(1, std::memory_order_relaxed) < most || most == 0) return {};
  give_page();
  return Errno::kNoSpace;
}

Result<void> Tmpfs::take_inode() {
  if (most_inodes_ != 0 && inodes_ >= most_inodes_) return Errno::kNoSpace;
  ++inodes_;
  return {};
}

Result<void> Tmpfs::remount(const TmpfsLimits& limits) {
  const std::uint64_t size = limits.size.raw();
  if (size != 0 && size < pages_.load(std::memory_order_relaxed)) return Errno::kInvalid;
  if (limits.inodes != 0 && limits.inodes < inodes_) return Errno::kInvalid;
  most_.store(size, std::memory_order_relaxed);
  most_inodes_ = limits.inodes;
  return {};
}

// The pages of one of its files, which count as committed as well.
class TmpfsBlocks final : public MappingBlocks {
 public:
  TmpfsBlocks(const MmParts& parts, Tmpfs* tmpfs) : committed_(parts), tmpfs_(tmpfs) {}
  Result<void> take() override {
    QUIRE_TRY(tmpfs_->take_page());
    const Result<void> taken = committed_.take();
    if (!taken.has_value()) tmpfs_->give_page();
    return taken;
  }
  void give_back() override {
    committed_.give_back();
    tmpfs_->give_page();
  }

 private:
  ShmemBlocks committed_;
  Tmpfs* const tmpfs_;
};

struct FileStore::Inode {
  // Of a real file, of a simulated one, or in memory alone.
  Inode(const MmParts& parts, SystemDescriptor descriptor, Bytes size)
      : real(std::move(descriptor)), native(real.number()), blocks(parts, nullptr),
        mapping(parts.file_nodes, &native, size), vmas(mapping) {}
  Inode(const MmParts& parts, SimDisk& disk)
      : real(-1), native(-1), blocks(parts, nullptr), simulated(std::in_place, disk),
        mapping(parts.file_nodes, &*simulated, Bytes{0}), vmas(mapping) {
    simulated->keep_requests = false;
  }
  // The caller has taken an inode of it.
  Inode(const MmParts& parts, Tmpfs& of)
      : real(-1), native(-1), blocks(parts, &of), tmpfs(&of),
        mapping(parts.file_nodes, nullptr, Bytes{0}), vmas(mapping) {
    mapping.set_blocks(&blocks);
    mapping.set_seals(Seals::kSeal);
  }

  ~Inode() {
    if (tmpfs != nullptr) tmpfs->give_inode();
  }

  SystemDescriptor real;
  NativeFile native;
  TmpfsBlocks blocks;
  Tmpfs* const tmpfs = nullptr;
  std::optional<SimFile> simulated;
  Mapping mapping;
  FileVmas vmas;
  unsigned openings = 0;
  bool named = true;
};

struct FileStore::Opening final : FileOwner {
  Opening(FileStore& owner, Place place, std::string name, File::Mode mode)
      : store(owner), inode(std::move(place)), path(std::move(name)),
        file(inode->mapping, mode, path, this) {}
  void release(File&) override { store.close(*this); }

  FileStore& store;
  const Place inode;
  const std::string path;
  File file;
};

FileStore::FileStore(ProcessFloor& floor, Disks disks)
    : floor_(floor),
      tmpfs_({PageCount{floor.parts().nodes.managed_pages() / 2},
              floor.parts().nodes.managed_pages() / 2}) {
  if (disks.host != nullptr) disk_.emplace(*disks.host, *disks.cpu, SimDisk::Model{});
}

FileStore::~FileStore() = default;

Result<File*> FileStore::open(const std::string& path, int flags) {
  const int access = flags & O_ACCMODE;
  if (access == O_ACCMODE) return Errno::kInvalid;
  if (path.empty()) return Errno::kNoEntry;
  const std::lock_guard guard(mutex_);
  const bool real = !disk_.has_value() && !path.starts_with(kTmpfs);
  const auto found = real ? find_real(path, flags) : find_named(path, flags);
  if (!found.has_value()) return found.error();
  const Place& inode = *found;
  const File::Mode mode{access != O_WRONLY, access != O_RDONLY, (flags & O_APPEND) != 0};
  if ((flags & O_TRUNC) != 0 && mode.write)
    QUIRE_TRY(floor_.cache().truncate(inode->mapping, Bytes{0}));
  ++inode->openings;
  auto opening = std::make_unique<Opening>(*this, inode, path, mode);
  File& file = opening->file;
  openings_.emplace(opening.get(), std::move(opening));
  return &file;
}

Result<FileStore::Place> FileStore::find_named(const std::string& path, int flags) {
  const auto there = named_.find(path);
  if (there != named_.end()) {
    if ((flags & O_CREAT) != 0 && (flags & O_EXCL) != 0) return Errno::kExists;
    return there->second;
  }
  if ((flags & O_CREAT) == 0) return Errno::kNoEntry;
  const bool tmpfs = path.starts_with(kTmpfs);
  if (tmpfs) QUIRE_TRY(tmpfs_.take_inode());
  const Place made = tmpfs ? std::make_shared<Inode>(floor_.parts(), tmpfs_)
                           : std::make_shared<Inode>(floor_.parts(), *disk_);
  // A tmpfs is on a device without a number of its own, a disk the first of virtio's.
  FileIdentity& identity = made->mapping.identity;
  identity.device_major = tmpfs ? 0 : 254;
  identity.device_minor = tmpfs ? 25 : 0;
  identity.inode = next_inode_++;
  floor_.cache().open(made->mapping);
  named_[path] = made;
  return made;
}

Result<FileStore::Place> FileStore::find_real(const std::string& path, int flags) {
  auto descriptor = open_real(path, flags);
  if (!descriptor.has_value()) return descriptor.error();
  struct stat status{};
  if (::fstat(descriptor->number(), &status) != 0) return system_error();
  if (!S_ISREG(status.st_mode)) return Errno::kInvalid;
  const std::string key = key_of(status);
  if (const auto there = named_.find(key); there != named_.end()) return there->second;
  const Bytes size{static_cast<std::uint64_t>(status.st_size)};
  const Place made = std::make_shared<Inode>(floor_.parts(), std::move(*descriptor), size);
  FileIdentity& identity = made->mapping.identity;
  identity.device_major = ::gnu_dev_major(status.st_dev);
  identity.device_minor = ::gnu_dev_minor(status.st_dev);
  identity.inode = status.st_ino;
  floor_.cache().open(made->mapping);
  named_[key] = made;
  return made;
}

Result<void> FileStore::unlink(const std::string& path) {
  const std::lock_guard guard(mutex_);
  std::string key = path;
  if (!disk_.has_value() && !path.starts_with(kTmpfs)) {
    struct stat status{};
    if (::stat(path.c_str(), &status) != 0) return system_error();
    if (::unlink(path.c_str()) != 0) return system_error();
    key = key_of(status);
    // Other names of the file may be left.
    if (status.st_nlink > 1 || !named_.contains(key)) return {};
  }
  const auto there = named_.find(key);
  if (there == named_.end()) return Errno::kNoEntry;
  const Place inode = there->second;
  named_.erase(there);
  inode->named = false;
  inode->mapping.identity.unlinked.store(true, std::memory_order_relaxed);
  if (inode->openings == 0) floor_.cache().evict(inode->mapping);
  return {};
}

Result<void> FileStore::remount(const TmpfsLimits& limits) {
  const std::lock_guard guard(mutex_);
  return tmpfs_.remount(limits);
}

void FileStore::close(Opening& opening) {
  const std::lock_guard guard(mutex_);
  Inode& inode = *opening.inode;
  if (--inode.openings == 0 && !inode.named) floor_.cache().evict(inode.mapping);
  openings_.erase(&opening);
}

void FileStore::sync() {
  const std::lock_guard guard(mutex_);
  for (const auto& [name, inode] : named_) {
    File file(inode->mapping, {}, name, nullptr);
    static_cast<void>(floor_.cache().fsync(file));
  }
}

}  // namespace quire::api
