#include "mm/file_calls.hpp"

#include "mm/backing.hpp"
#include "mm/shmem_file.hpp"

namespace quire {
namespace {

constexpr std::size_t kMostAtOnce = 0x7ffff000;  // MAX_RW_COUNT

PageCache& cache_of(const Process& process) { return process.mm->parts.cache; }

Result<File*> open_to_read(const Process& process, int number) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  if (!file->mode().read) return Errno::kBadFile;
  return file;
}

Result<File*> open_to_write(const Process& process, int number) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  if (!file->mode().write) return Errno::kBadFile;
  return file;
}

Result<Bytes> read_at(const Process& process, File& file, const ReadRequest& request) {
  const std::size_t length = min_of(request.to.size(), kMostAtOnce);
  return cache_of(process).read(file, {request.offset, request.to.first(length)});
}

// Of what reaches beyond the largest file, the part before is written.
Result<Bytes> write_at(const Process& process, File& file, const WriteRequest& request) {
  if (request.from.empty()) return Bytes{0};
  const Bytes offset = file.mode().append ? file.mapping().size() : request.offset;
  if (offset.raw() >= kLargestFile) return Errno::kFileTooBig;
  const std::uint64_t room = min_of<std::uint64_t>(kLargestFile - offset.raw(), kMostAtOnce);
  const std::size_t length = min_of<std::uint64_t>(request.from.size(), room);
  return cache_of(process).write(file, {offset, request.from.first(length)});
}

// The first place from `at` on that is, or is not, in memory, which is where such a file is kept.
Bytes next_edge(Mapping& mapping, Bytes at, bool data) {
  std::uint64_t index = whole_pages(at).raw();
  if (data) index = min_of(mapping.next_index(index), mapping.end());
  while (!data && index < mapping.end() && mapping.has(index)) ++index;
  return min_of(max_of(size_of(PageCount{index}), at), mapping.size());
}

// Files of disks have no holes but the one behind their end.
Result<Bytes> seek_edge(Mapping& mapping, const SeekTo& to) {
  const Bytes at{static_cast<std::uint64_t>(to.offset)};
  const Bytes size = mapping.size();
  if (to.offset < 0 || at >= size) return Errno::kNoSuchAddress;
  const bool data = to.whence == seek::kData;
  if (!mapping.is_shmem()) return data ? at : size;
  const Bytes found = next_edge(mapping, at, data);
  if (data && found >= size) return Errno::kNoSuchAddress;
  return found;
}

Result<Bytes> seek_place(File& file, const SeekTo& to) {
  std::int64_t base = 0;
  switch (to.whence) {
    case seek::kSet: break;
    case seek::kCurrent: base = static_cast<std::int64_t>(file.position); break;
    case seek::kEnd: base = static_cast<std::int64_t>(file.mapping().size().raw()); break;
    case seek::kData:
    case seek::kHole: return seek_edge(file.mapping(), to);
    default: return Errno::kInvalid;
  }
  std::int64_t place = 0;
  if (__builtin_add_overflow(base, to.offset, &place) || place < 0) return Errno::kInvalid;
  return Bytes{static_cast<std::uint64_t>(place)};
}

}  // namespace

Result<Bytes> do_read(Process& process, int number, std::span<std::byte> to) {
  QUIRE_TRY_ASSIGN(file, open_to_read(process, number));
  const ExclusiveGuard guard(file->position_lock);
  QUIRE_TRY_ASSIGN(done, read_at(process, *file, {Bytes{file->position}, to}));
  file->position += done.raw();
  return done;
}

Result<Bytes> do_write(Process& process, int number, std::span<const std::byte> from) {
  QUIRE_TRY_ASSIGN(file, open_to_write(process, number));
  const ExclusiveGuard guard(file->position_lock);
  QUIRE_TRY_ASSIGN(done, write_at(process, *file, {Bytes{file->position}, from}));
  const Bytes append_end = file->mapping().size();
  file->position = file->mode().append ? append_end.raw() : file->position + done.raw();
  return done;
}

Result<Bytes> do_pread(Process& process, int number, const ReadAt& request) {
  if (request.offset < 0) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(file, open_to_read(process, number));
  return read_at(process, *file, {Bytes{static_cast<std::uint64_t>(request.offset)}, request.to});
}

Result<Bytes> do_pwrite(Process& process, int number, const WriteAt& request) {
  if (request.offset < 0) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(file, open_to_write(process, number));
  const Bytes offset{static_cast<std::uint64_t>(request.offset)};
  return write_at(process, *file, {offset, request.from});
}

Result<Bytes> do_lseek(Process& process, int number, const SeekTo& to) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  const ExclusiveGuard guard(file->position_lock);
  QUIRE_TRY_ASSIGN(place, seek_place(*file, to));
  file->position = place.raw();
  return place;
}

Result<void> do_ftruncate(Process& process, int number, std::int64_t length) {
  if (length < 0) return Errno::kInvalid;
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  if (!file->mode().write) return Errno::kInvalid;
  const Bytes size{static_cast<std::uint64_t>(length)};
  return cache_of(process).truncate(file->mapping(), size);
}

Result<void> do_fallocate(Process& process, int number, const AllocateRequest& request) {
  constexpr std::uint32_t kKnown = falloc::kKeepSize | falloc::kPunchHole;
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  if (request.offset < 0 || request.length <= 0) return Errno::kInvalid;
  const bool punch = (request.mode & falloc::kPunchHole) != 0;
  const bool keep = (request.mode & falloc::kKeepSize) != 0;
  if ((request.mode & ~kKnown) != 0 || (punch && !keep)) return Errno::kNotSupported;
  if (!file->mode().write) return Errno::kBadFile;
  const Extent part{Bytes{static_cast<std::uint64_t>(request.offset)},
                    Bytes{static_cast<std::uint64_t>(request.length)}};
  if ((part.start + part.length).raw() > kLargestFile) return Errno::kFileTooBig;
  Mapping& mapping = file->mapping();
  if (punch) return cache_of(process).punch(mapping, part);
  using enum PageCache::SizeChange;
  return cache_of(process).allocate(mapping, part, keep ? kKeep : kGrow);
}

Result<void> do_fsync(Process& process, int number) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  return cache_of(process).fsync(*file);
}

Result<int> do_memfd_create(Process& process, std::string_view name, std::uint32_t flags) {
  constexpr std::size_t kLongestName = 249;
  if ((flags & ~(memfd::kCloseOnExec | memfd::kAllowSealing)) != 0 || name.size() > kLongestName)
    return Errno::kInvalid;
  const bool sealing = (flags & memfd::kAllowSealing) != 0;
  QUIRE_TRY_ASSIGN(file, ShmemFile::make(process.mm->parts,
                                         {.path = {"/memfd:", name, " (deleted)"},
                                          .promise_by_page = true,
                                          .seals = sealing ? Seals::kNone : Seals::kSeal}));
  using enum Descriptors::OnExec;
  const auto number =
      process.files.add(*file, (flags & memfd::kCloseOnExec) != 0 ? kClose : kKeep);
  if (!number.has_value()) file->put();
  return number;
}

Result<int> do_dup(Process& process, int number) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  const auto copy = process.files.add(*file, Descriptors::OnExec::kKeep);
  if (copy.has_value()) file->get();
  return copy;
}

Result<void> do_close(Process& process, int number) { return process.files.close(number); }

Result<void> do_add_seals(Process& process, int number, std::uint32_t seals) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  if (!file->mode().write) return Errno::kPermission;
  if ((seals & ~static_cast<std::uint32_t>(Seals::kAll)) != 0 || !file->mapping().is_shmem())
    return Errno::kInvalid;
  return cache_of(process).add_seals(file->mapping(), static_cast<Seals>(seals));
}

Result<Seals> do_get_seals(Process& process, int number) {
  QUIRE_TRY_ASSIGN(file, process.files.get(number));
  if (!file->mapping().is_shmem()) return Errno::kInvalid;
  return file->mapping().seals();
}

}  // namespace quire
