#include "engine/files.hpp"

#include <cstring>
#include <vector>

#include "hosts/sim/random.hpp"

namespace quire {
namespace {

std::uint64_t seed_of(const std::string& path) {
  std::uint64_t seed = path.size();
  for (const char c : path) seed = Random(seed ^ static_cast<unsigned char>(c)).next();
  return seed;
}

// The first of virtio's disks, with ext4 on it: numbers below belong to the file system itself.
constexpr std::uint32_t kDiskMajor = 254;
constexpr std::uint64_t kFirstInode = 12;

}  // namespace

StoredFile::StoredFile(const Parts& parts, std::string path, Bytes size)
    : disk_(parts.disk),
      path_(std::move(path)),
      stamps_(parts.stamps),
      seed_(seed_of(path_)),
      first_size_(size.raw()),
      zero_from_(pages_to_hold(size).raw()),
      mapping_(parts.nodes, this, size),
      vmas_(mapping_) {}

std::uint64_t StoredFile::first_stamp(std::uint64_t index) const {
  if (index >= zero_from_) return 0;
  const std::uint64_t there = first_size_ - index * kPageSize.raw();
  const std::uint64_t stamp = Random(seed_ + index).next();
  return there >= sizeof stamp ? stamp : stamp & ((std::uint64_t{1} << there * 8) - 1);
}

std::uint64_t StoredFile::stamp_on_disk(std::uint64_t index) const {
  const auto written = written_.find(index);
  return written == written_.end() ? first_stamp(index) : written->second;
}

void StoredFile::read(PageCache& cache, const PageRun& run) {
  disk_.serve(run.pages.size(), [this, &cache, first = run.first,
                                 pages = std::vector<Page*>(run.pages.begin(), run.pages.end())] {
    std::uint64_t index = first;
    for (Page* const page : pages) {
      if (stamps_) {
        std::byte* const content = cache.content_of(*page);
        std::memset(content, 0, kPageSize.raw());
        const std::uint64_t stamp = stamp_on_disk(index);
        const std::uint64_t at = index * kPageSize.raw();
        const std::uint64_t size = mapping_.size().raw();
        if (at < size) std::memcpy(content, &stamp, min_of<std::uint64_t>(sizeof stamp, size - at));
      }
      ++index;
      cache.read_done(*page, {});
    }
  });
}

void StoredFile::write(PageCache& cache, const PageRun& run) {
  std::uint64_t index = run.first;
  for (const Page* const page : run.pages) {
    std::uint64_t stamp = 0;
    if (stamps_) std::memcpy(&stamp, cache.content_of(*page), sizeof stamp);
    if (stamps_) written_[index] = stamp;
    ++index;
  }
  disk_.serve(run.pages.size(),
              [&cache, pages = std::vector<Page*>(run.pages.begin(), run.pages.end())] {
                for (Page* const page : pages) cache.write_done(*page, {});
              });
}

Result<void> StoredFile::resize(Bytes size) {
  const std::uint64_t end = pages_to_hold(size).raw();
  zero_from_ = min_of(zero_from_, end);
  std::erase_if(written_, [end](const auto& page) { return page.first >= end; });
  const std::uint64_t within = size.raw() & (kPageSize.raw() - 1);
  if (within != 0 && within < sizeof(std::uint64_t)) {
    const std::uint64_t kept = (std::uint64_t{1} << within * 8) - 1;
    written_[end - 1] = stamp_on_disk(end - 1) & kept;
  }
  return {};
}

FileStore::FileStore(const Parts& parts)
    : parts_(parts),
      disk_(parts.host, parts.machine.cpus().front(),
            {.latency_ns = parts.cost.disk_latency_ns, .page_ns = parts.cost.disk_page_ns()}) {}

FileStore::~FileStore() = default;

File& FileStore::open(const std::string& path, Bytes size, File::Mode mode) {
  std::unique_ptr<StoredFile>& file = files_[path];
  if (file == nullptr) {
    file = std::make_unique<StoredFile>(
        StoredFile::Parts{disk_, parts_.floor.file_nodes(), parts_.stamps}, path, size);
    FileIdentity& identity = file->mapping().identity;
    identity.device_major = kDiskMajor;
    identity.inode = kFirstInode + files_.size() - 1;
    parts_.floor.cache().open(file->mapping());
  }
  auto opened = std::make_unique<File>(file->mapping(), mode, file->path(), this);
  File& result = *opened;
  opened_[&result] = std::move(opened);
  return result;
}

void FileStore::release(File& file) { opened_.erase(&file); }

}  // namespace quire
