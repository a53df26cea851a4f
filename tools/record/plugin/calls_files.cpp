// Opening, reading, writing, cutting and closing regular files.
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

void tell_transfer(Thread& thread, std::uint64_t bytes) {
  const Call& call = thread.call;
  if (call.file == kNoFileKey || bytes == 0) return;
  std::uint64_t offset = call.offset;
  // Where it began, or, with O_APPEND, where the file ended.
  const bool moved = transfer_of(call.number).form == Form::kAtPosition;
  const off_t behind = moved ? lseek(static_cast<int>(call.arguments[0]), 0, SEEK_CUR) : -1;
  if (behind >= 0 && static_cast<std::uint64_t>(behind) >= bytes)
    offset = static_cast<std::uint64_t>(behind) - bytes;
  thread.stream.put(RecordKind::kTransfer,
                    {call.file, offset, bytes, transfer_of(call.number).write});
}

void tell_open(Thread& thread, std::uint64_t fd) {
  const Call& call = thread.call;
  const std::uint64_t flags = call.number == SYS_open     ? call.arguments[1]
                              : call.number == SYS_openat ? call.arguments[2]
                                                          : O_CREAT | O_WRONLY | O_TRUNC;
  const std::uint64_t file = file_key(thread.stream, static_cast<int>(fd));
  if (file != kNoFileKey) thread.stream.put(RecordKind::kOpen, {file, fd, flags});
}

}  // namespace

void file_call_begins(Thread& thread) {
  Call& call = thread.call;
  const TransferForm transfer = transfer_of(call.number);
  const bool of_file = transfer.form != Form::kNone || call.number == SYS_close ||
                       call.number == SYS_ftruncate;
  if (!of_file) return;
  call.file = file_key(thread.stream, static_cast<int>(call.arguments[0]));
  if (transfer.form == Form::kAtOffset) call.offset = call.arguments[3];
}

void file_call_ends(Thread& thread, std::uint64_t result) {
  const Call& call = thread.call;
  switch (call.number) {
    case SYS_open:
    case SYS_openat:
    case SYS_creat:
      return tell_open(thread, result);
    case SYS_close:
      if (call.file != kNoFileKey)
        thread.stream.put(RecordKind::kClose, {call.file, call.arguments[0]});
      return;
    case SYS_ftruncate:
      if (call.file != kNoFileKey)
        thread.stream.put(RecordKind::kTruncate, {call.file, call.arguments[1]});
      return;
    default:
      if (transfer_of(call.number).form != Form::kNone) tell_transfer(thread, result);
  }
}

}  // namespace quire::record
