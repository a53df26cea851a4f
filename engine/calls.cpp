// Calls of programs on memory and files.
#include <cstring>
#include <vector>

#include "engine/program_thread.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kPageMask = kPageSize.raw() - 1;
constexpr std::uint64_t kTransfer = 128 << 10;  // bytes of a file that are read or written at once

Reply reply(const Result<void>& result) {
  if (!result.has_value()) return result.error();
  return 0;
}

}  // namespace

// Memory ------------------------------------------------------------------------------------------

Reply ProgramThread::act(const MapMemory& call) {
  File* file = nullptr;
  if ((call.flags & map::kAnonymous) == 0) {
    QUIRE_TRY_ASSIGN(opened, file_of(call.file));
    file = opened;
  }
  const Result<VirtAddr> at = do_mmap(
      caller(), {call.address, call.length, call.prot, call.flags, file, call.offset});
  if (!at.has_value()) return at.error();
  if (engine_.options_.verify) {
    forget(live_.stamps, {*at, *at + call.length});
    const Vma* const vma = mm().vmas.at(*at);
    if (vma != nullptr && file == nullptr && vma->shows_shmem())
      engine_.stamps_.forget(vma->file->mapping());
  }
  return at->raw();
}

Reply ProgramThread::act(const UnmapMemory& call) {
  const Result<void> done = do_munmap(caller(), call.range.start, call.range.length());
  if (done.has_value()) forget(live_.stamps, call.range);
  return reply(done);
}

Reply ProgramThread::act(const ProtectMemory& call) {
  return reply(do_mprotect(caller(), call.range.start, call.range.length(), call.prot));
}

Reply ProgramThread::act(const AdviseMemory& call) {
  const Result<void> done =
      do_madvise(caller(), call.range.start, call.range.length(), call.advice);
  const bool drops = call.advice == Advice::kDontNeed || call.advice == Advice::kDontNeedLocked;
  if (done.has_value() && drops) forget(live_.stamps, call.range);
  return reply(done);
}

Reply ProgramThread::act(const LockMemory& call) {
  const VirtRange range = call.range;
  return reply(call.lock ? do_mlock(caller(), range.start, range.length())
                         : do_munlock(caller(), range.start, range.length()));
}

Reply ProgramThread::act(const SyncMemory& call) {
  return reply(do_msync(caller(), call.range.start, call.range.length(), call.flags));
}

Reply ProgramThread::act(const RemapMemory& call) {
  const MremapRequest& request = call.request;
  const Result<VirtAddr> at = do_mremap(caller(), request);
  if (!at.has_value()) return at.error();
  const VirtAddr old = request.old_address;
  const Bytes kept = min_of(request.old_length, request.new_length);
  if (request.old_length > kept) forget(live_.stamps, {old + kept, old + request.old_length});
  if (*at != old) {
    forget(live_.stamps, {*at + kept, *at + request.new_length});
    move(live_.stamps, {old, old + kept}, *at);
  }
  return at->raw();
}

Reply ProgramThread::act(const MoveBreak& call) {
  const VirtAddr old = mm().layout.brk;
  const VirtAddr now = do_brk(caller(), call.end);
  if (now < old) forget(live_.stamps, {now.align_up(kPageSize), old});
  return now.raw();
}

// Files -------------------------------------------------------------------------------------------

Result<File*> ProgramThread::file_of(int descriptor) const {
  const auto found = live_.files.find(descriptor);
  if (found == live_.files.end()) return Errno::kBadFile;
  return found->second;
}

Reply ProgramThread::act(const OpenFile& call) {
  File& file = engine_.files_.open(call.path, call.size, call.mode);
  if (file.mapping().size() < call.size) {
    if (const Result<void> longer = resize(file, call.size); !longer.has_value()) {
      file.put();
      return longer.error();
    }
  }
  static_cast<void>(act(CloseFile{call.file}));
  live_.files[call.file] = &file;
  return static_cast<std::uint64_t>(call.file);
}

Reply ProgramThread::act(const CloseFile& call) {
  QUIRE_TRY_ASSIGN(file, file_of(call.file));
  live_.files.erase(call.file);
  file->put();
  return 0;
}

Reply ProgramThread::act(const DuplicateFile& call) {
  QUIRE_TRY_ASSIGN(file, file_of(call.from));
  file->get();
  static_cast<void>(act(CloseFile{call.to}));
  live_.files[call.to] = file;
  return static_cast<std::uint64_t>(call.to);
}

Reply ProgramThread::act(const ReadFile& call) {
  QUIRE_TRY_ASSIGN(file, file_of(call.part.file));
  const SharedStamps::Call under_way(engine_.stamps_, file->mapping());
  std::vector<std::byte> buffer;
  Bytes done{0};
  while (done < call.part.length && goes_on()) {
    buffer.resize(min_of<std::uint64_t>((call.part.length - done).raw(), kTransfer));
    const Bytes at = call.part.offset + done;
    QUIRE_TRY_ASSIGN(read, engine_.parts_.floor.cache().read(*file, {at, buffer}));
    if (engine_.options_.verify)
      check_read(*file, {call.part.file, at, read}, std::span(buffer).first(read.raw()));
    charge_ns(engine_.options_.cost.copy_page_ns * pages_to_hold(read).raw() / 2);
    done += read;
    if (read.raw() < buffer.size()) break;
  }
  return done.raw();
}

void ProgramThread::check_read(File& file, const FilePart& part,
                               std::span<const std::byte> bytes) {
  const std::uint64_t end = (part.offset + part.length).raw();
  for (std::uint64_t at = (part.offset.raw() + kPageMask) & ~kPageMask;
       at + sizeof(std::uint64_t) <= end; at += kPageSize.raw()) {
    std::uint64_t found = 0;
    std::memcpy(&found, bytes.data() + (at - part.offset.raw()), sizeof found);
    const auto answer = engine_.stamps_.ask({file.mapping(), at >> kPageShift}, found);
    if (!answer.right)
      return mismatch(std::string(file.path()) + " at page " + std::to_string(at >> kPageShift),
                      {.wanted = answer.wanted, .found = found});
  }
}

Reply ProgramThread::act(const WriteFile& call) {
  QUIRE_TRY_ASSIGN(file, file_of(call.part.file));
  SharedStamps::Call under_way(engine_.stamps_, file->mapping());
  std::vector<std::byte> buffer;
  Bytes done{0};
  while (done < call.part.length && goes_on()) {
    // A page's first eight bytes never come in two pieces.
    const Bytes at = call.part.offset + done;
    const std::uint64_t most = kTransfer - (at.raw() & kPageMask);
    buffer.assign(min_of<std::uint64_t>((call.part.length - done).raw(), most), std::byte{0});
    if (engine_.options_.verify) stamp_write(*file, at, buffer);
    const Result<Bytes> answer = engine_.parts_.floor.cache().write(*file, {at, buffer});
    const Bytes written = answer.value_or(Bytes{0});
    if (written.raw() < buffer.size()) under_way.fell_short();
    if (!answer.has_value()) return answer.error();
    charge_ns(engine_.options_.cost.copy_page_ns * pages_to_hold(written).raw() / 2);
    done += written;
    if (written.raw() < buffer.size()) break;
  }
  return done.raw();
}

// What is to be written at `from` has the stamps that its pages get.
void ProgramThread::stamp_write(File& file, Bytes from, std::span<std::byte> bytes) {
  const std::uint64_t end = from.raw() + bytes.size();
  for (std::uint64_t page = from.raw() & ~kPageMask; page < end; page += kPageSize.raw()) {
    const std::uint64_t index = page >> kPageShift;
    const std::uint64_t stamp_end = page + sizeof(std::uint64_t);
    if (page >= from.raw() && stamp_end <= end) {
      const std::uint64_t stamp = engine_.stamps_.write({file.mapping(), index});
      std::memcpy(bytes.data() + (page - from.raw()), &stamp, sizeof stamp);
    } else if (from.raw() < stamp_end) {
      engine_.stamps_.lose({file.mapping(), index});
    }
  }
}

Reply ProgramThread::act(const ResizeFile& call) {
  QUIRE_TRY_ASSIGN(file, file_of(call.file));
  return reply(resize(*file, call.size));
}

Result<void> ProgramThread::resize(File& file, Bytes size) {
  Mapping& mapping = file.mapping();
  if (!engine_.options_.verify) return engine_.parts_.floor.cache().truncate(mapping, size);
  // Another call may make it longer until this one has its turn, so that it is cut after all.
  SharedStamps::Call under_way(engine_.stamps_, mapping);
  under_way.cut(size);
  cut_copies({mapping, pages_to_hold(size)}, [](Stamp& stamp) {
    stamp.reset();
    return false;
  });
  const Result<void> done = engine_.parts_.floor.cache().truncate(mapping, size);
  if (!done.has_value()) under_way.fell_short();
  if (under_way.alone())
    cut_copies({mapping, pages_to_hold(size)}, [](Stamp&) { return true; });
  return done;
}

// Of all private copies that pages of the file have from `first` on: erases those that `goes`.
void ProgramThread::cut_copies(const Cut& cut, bool (*goes)(Stamp&)) {
  for (const auto& live : engine_.processes_) {
    if (live->process == nullptr) continue;
    for (auto page = live->stamps.begin(); page != live->stamps.end();) {
      const VirtAddr at{page->first << kPageShift};
      const Vma* const vma = live->process->mm->vmas.at(at);
      const bool copied = vma != nullptr && vma->file != nullptr &&
                          &vma->file->mapping() == &cut.mapping &&
                          vma->index_of(at) >= cut.first.raw();
      page = copied && goes(page->second) ? live->stamps.erase(page) : std::next(page);
    }
  }
}

Reply ProgramThread::act(const SyncFile& call) {
  QUIRE_TRY_ASSIGN(file, file_of(call.file));
  return reply(engine_.parts_.floor.cache().fsync(*file));
}

}  // namespace quire
