// Opening, reading, writing, copying, cutting and closing regular files.
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tools/record/plugin/calls.hpp"
#include "tools/record/plugin/guest.hpp"

namespace quire::record {
namespace {

enum class Form { kNone, kAtPosition, kAtOffset };

struct TransferForm {
  Form form = Form::kNone;
  bool write = false;
};

TransferForm transfer_of(std::int64_t number) {
  switch (number) {
    case SYS_read:
    case SYS_readv:
      return {Form::kAtPosition, false};
    case SYS_write:
    case SYS_writev:
      return {Form::kAtPosition, true};
    case SYS_pread64:
    case SYS_preadv:
      return {Form::kAtOffset, false};
    case SYS_pwrite64:
    case SYS_pwritev:
      return {Form::kAtOffset, true};
    default:
      return {};
  }
}

// A descriptor, and where the program has the offset that counts instead of its own; 0: nowhere.
struct Place {
  int fd = -1;
  std::uint64_t offset_at = 0;
};

// A call that copies without the program's memory.
struct Copy {
  Place from, to;
};

Copy copy_of(const Call& call) {
  const auto& a = call.arguments;
  const auto fd = [&](unsigned i) { return static_cast<int>(a[i]); };
  switch (call.number) {
    case SYS_sendfile:
      return {{fd(1), a[2]}, {fd(0), 0}};
    case SYS_splice:
    case SYS_copy_file_range:
      return {{fd(0), a[1]}, {fd(2), a[3]}};
    default:
      return {};
  }
}

// Where the last `bytes` that were read or written there begin.
std::uint64_t beginning(const Place& place, std::uint64_t bytes) {
  std::uint64_t end = 0;
  if (place.offset_at == 0) {
    const off_t position = lseek(place.fd, 0, SEEK_CUR);
    end = position < 0 ? 0 : static_cast<std::uint64_t>(position);
  } else if (read_guest(place.offset_at, &end, sizeof end) != sizeof end) {
    end = 0;
  }
  return end >= bytes ? end - bytes : 0;
}

void tell_read(Thread& thread, const GuestFile& file, GuestBytes part) {
  if (file.key == kNoFileKey || part.length == 0) return;
  thread.stream.put(RecordKind::kTransfer, {file.key, part.address, part.length, 0});
}

// Other threads may touch the pages of a file that grows from here on, and not before.
void tell_written(Thread& thread, const GuestFile& file, GuestBytes part) {
  if (file.key == kNoFileKey || part.length == 0) return;
  thread.stream.put(RecordKind::kTransfer, {file.key, part.address, part.length, 1});
  if (part.address + part.length > file.size) Thread::memory_changes(thread);
}

void tell_size(Thread& thread, const GuestFile& file, std::uint64_t size) {
  if (file.key == kNoFileKey) return;
  thread.stream.put(RecordKind::kTruncate, {file.key, size});
  Thread::memory_changes(thread);
}

void tell_transfer(Thread& thread, std::uint64_t bytes) {
  const Call& call = thread.call;
  const TransferForm transfer = transfer_of(call.number);
  const int fd = static_cast<int>(call.arguments[0]);
  std::uint64_t offset = call.arguments[3];
  if (transfer.form == Form::kAtPosition)
    offset = beginning({fd}, bytes);
  else if (transfer.write && (fcntl(fd, F_GETFL) & O_APPEND) != 0)
    offset = call.file.size;  // Linux's pwrite, whatever it is told
  const GuestBytes part{offset, bytes};
  transfer.write ? tell_written(thread, call.file, part) : tell_read(thread, call.file, part);
}

void tell_copy(Thread& thread, std::uint64_t bytes) {
  const Call& call = thread.call;
  const Copy copy = copy_of(call);
  tell_read(thread, call.file, {beginning(copy.from, bytes), bytes});
  tell_written(thread, call.to, {beginning(copy.to, bytes), bytes});
}

void tell_open(Thread& thread, std::uint64_t fd) {
  const Call& call = thread.call;
  const std::uint64_t flags = call.number == SYS_open     ? call.arguments[1]
                              : call.number == SYS_openat ? call.arguments[2]
                                                          : O_CREAT | O_WRONLY | O_TRUNC;
  const GuestFile file = guest_file(thread.stream, static_cast<int>(fd));
  if (file.key == kNoFileKey) return;
  thread.stream.put(RecordKind::kOpen, {file.key, fd, flags});
  if ((flags & O_TRUNC) != 0) tell_size(thread, file, 0);
}

// The file is named by its path: it is open nowhere, or elsewhere.
void tell_truncate(Thread& thread) {
  char path[4096];
  if (!read_guest_path(thread.call.arguments[0], path)) return;
  const int fd = open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return;
  const GuestFile file = guest_file(thread.stream, fd);
  close(fd);
  tell_size(thread, file, thread.call.arguments[1]);
}

// Some of its modes change no length. Pages that it takes out of the file are not told.
void tell_fallocate(Thread& thread) {
  const Call& call = thread.call;
  const GuestFile now = guest_file(thread.stream, static_cast<int>(call.arguments[0]));
  if (now.size != call.file.size) tell_size(thread, now, now.size);
}

}  // namespace

void file_call_begins(Thread& thread) {
  Call& call = thread.call;
  const auto file = [&](int fd) { return guest_file(thread.stream, fd); };
  if (const Copy copy = copy_of(call); copy.from.fd >= 0) {
    call.file = file(copy.from.fd);
    call.to = file(copy.to.fd);
    return;
  }
  const bool of_file = transfer_of(call.number).form != Form::kNone ||
                       call.number == SYS_close || call.number == SYS_ftruncate ||
                       call.number == SYS_fallocate;
  if (of_file) call.file = file(static_cast<int>(call.arguments[0]));
}

void file_call_ends(Thread& thread, std::uint64_t result) {
  const Call& call = thread.call;
  switch (call.number) {
    case SYS_open:
    case SYS_openat:
    case SYS_creat:
      return tell_open(thread, result);
    case SYS_close:
      if (call.file.key != kNoFileKey)
        thread.stream.put(RecordKind::kClose, {call.file.key, call.arguments[0]});
      return;
    case SYS_truncate:
      return tell_truncate(thread);
    case SYS_ftruncate:
      return tell_size(thread, call.file, call.arguments[1]);
    case SYS_fallocate:
      return tell_fallocate(thread);
    case SYS_sendfile:
    case SYS_splice:
    case SYS_copy_file_range:
      return tell_copy(thread, result);
    default:
      if (transfer_of(call.number).form != Form::kNone) tell_transfer(thread, result);
  }
}

}  // namespace quire::record
