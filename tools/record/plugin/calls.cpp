#include "tools/record/plugin/calls.hpp"

#include <sched.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/syscall.h>

#include <atomic>
#include <cerrno>

#include "tools/record/plugin/execve.hpp"
#include "tools/record/plugin/guest.hpp"

namespace quire::record {
namespace {

std::atomic<std::uint64_t> heap_end{0};
std::atomic<std::uint64_t> exit_status{0};

bool is_fork(const Call& call) {
  return call.number == SYS_fork || call.number == SYS_vfork || call.number == SYS_clone;
}

bool is_new_thread(const Call& call) {
  return call.number == SYS_clone && (call.arguments[0] & CLONE_THREAD) != 0;
}

// The call has its place from here on.
void changes_memory(Thread& thread) {
  thread.end_window();
  thread.call.sequence = StreamWriter::take_sequence();
  Thread::memory_changes(thread);
}

void ends_here(Thread& thread, RecordKind kind, StreamWriter::Words words) {
  thread.end_window();
  thread.stream.put(kind, words);
  Thread::memory_changes(thread);
}

void tell_mmap(Thread& thread, std::uint64_t address) {
  const auto& a = thread.call.arguments;
  const std::uint64_t file = (a[3] & MAP_ANONYMOUS) != 0
                                 ? kNoFileKey
                                 : guest_file(thread.stream, static_cast<int>(a[4])).key;
  ends_here(thread, RecordKind::kMmap, {address, a[1], a[2], a[3], file, a[5]});
}

void tell_attached(Thread& thread, std::uint64_t address) {
  const auto& a = thread.call.arguments;
  const GuestFile segment = guest_segment(thread.stream, static_cast<int>(a[0]));
  const std::uint64_t protection = PROT_READ | ((a[2] & SHM_RDONLY) != 0 ? 0 : PROT_WRITE) |
                                   ((a[2] & SHM_EXEC) != 0 ? PROT_EXEC : 0);
  ends_here(thread, RecordKind::kMmap,
            {address, segment.size, protection, MAP_SHARED, segment.key, 0});
}

void tell_brk(Thread& thread, std::uint64_t end) {
  if (heap_end.exchange(end) != end) ends_here(thread, RecordKind::kBrk, {end});
}

// In the parent; a child that is being born has no stream yet.
void tell_child(Thread& thread, std::uint64_t id) {
  const Call& call = thread.call;
  if (is_new_thread(call)) {
    thread.stream.put_at(call.sequence, RecordKind::kClone, {id});
  } else {
    const bool vfork =
        call.number == SYS_vfork || (call.number == SYS_clone && (call.arguments[0] & CLONE_VM));
    thread.stream.put_at(call.sequence, RecordKind::kFork, {call.child, id, vfork});
  }
}

// Those that have a place of their own already.
bool tell_call_from_its_beginning(Thread& thread) {
  const Call& call = thread.call;
  const auto& a = call.arguments;
  StreamWriter& stream = thread.stream;
  switch (call.number) {
    case SYS_munmap:
      stream.put_at(call.sequence, RecordKind::kMunmap, {a[0], a[1]});
      return true;
    case SYS_shmdt:
      stream.put_at(call.sequence, RecordKind::kMunmap, {a[0], call.file.size});
      return true;
    case SYS_mprotect:
      stream.put_at(call.sequence, RecordKind::kMprotect, {a[0], a[1], a[2]});
      return true;
    case SYS_madvise:
      stream.put_at(call.sequence, RecordKind::kMadvise, {a[0], a[1], a[2]});
      return true;
    case SYS_mlock:
    case SYS_munlock:
      stream.put_at(call.sequence, RecordKind::kMlock, {a[0], a[1], call.number == SYS_mlock});
      return true;
    case SYS_msync:
      stream.put_at(call.sequence, RecordKind::kMsync, {a[0], a[1], a[2]});
      return true;
    case SYS_fsync:
    case SYS_fdatasync:
      if (call.file.key != kNoFileKey)
        stream.put_at(call.sequence, RecordKind::kSync, {call.file.key});
      return true;
    default:
      return false;
  }
}

void tell_call(Thread& thread, std::uint64_t result) {
  if (tell_call_from_its_beginning(thread)) return;
  const auto& a = thread.call.arguments;
  switch (thread.call.number) {
    case SYS_mmap:
      return tell_mmap(thread, result);
    case SYS_mremap:
      return ends_here(thread, RecordKind::kMremap, {a[0], a[1], a[2], result, a[3]});
    case SYS_shmat:
      return tell_attached(thread, result);
    case SYS_brk:
      return tell_brk(thread, result);
    default:
      return file_call_ends(thread, result);
  }
}

void begin_call(Thread& thread) {
  Call& call = thread.call;
  if (is_fork(call)) {
    if (!is_new_thread(call)) call.child = recording.control->next_process.fetch_add(1);
    return changes_memory(thread);
  }
  switch (call.number) {
    case SYS_munmap:
    case SYS_mprotect:
    case SYS_madvise:
    case SYS_mlock:
    case SYS_munlock:
    case SYS_msync:
      return changes_memory(thread);
    case SYS_shmdt:
      call.file.size = length_attached_at(call.arguments[0]);
      return changes_memory(thread);
    case SYS_fsync:
    case SYS_fdatasync:
      call.file = guest_file(thread.stream, static_cast<int>(call.arguments[0]));
      return changes_memory(thread);
    case SYS_execve:
    case SYS_execveat:
      return execve_begins(thread);
    case SYS_exit:
      thread.stream.put(RecordKind::kExit, {call.arguments[0], 0});
      exit_status = call.arguments[0];
      return Thread::end_current();
    case SYS_exit_group:
      exit_status = call.arguments[0];
      return;
    default:
      return file_call_begins(thread);
  }
}

}  // namespace

void call_begins(const Call& call) {
  Thread& thread = Thread::current();
  thread.call = call;
  thread.end_window();
  begin_call(thread);
}

void call_ends(std::int64_t result) {
  Thread* thread = &Thread::current();
  const Call& call = thread->call;
  if (is_fork(call) && !is_new_thread(call) && result == 0)
    thread = &Thread::begin_child(call.child);
  else if (is_fork(call) && result > 0)
    tell_child(*thread, static_cast<std::uint64_t>(result));
  else if (result >= 0)
    tell_call(*thread, static_cast<std::uint64_t>(result));
  touch_buffers(*thread, result);
}

void process_ends(qemu_plugin_id_t, void*) {
  Thread& thread = Thread::current();
  Thread::end_all_windows();
  thread.stream.put(RecordKind::kExit, {exit_status, 1});
}

}  // namespace quire::record
