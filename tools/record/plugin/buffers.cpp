// Which pages the kernel touches for a program in each call: a row names arguments that are
// addresses, and how long what lies there is. From the manual pages of section 2.
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "tools/record/plugin/calls.hpp"
#include "tools/record/plugin/guest.hpp"

namespace quire::record {
namespace {

enum class Size : std::uint8_t {
  kNone,
  kBytes,     // `of` bytes
  kArgument,  // as many bytes as argument `of` says
  kResult,    // as many as the call gave
  kEvents,    // as many epoll_events of 12 bytes as the call gave
  kText,      // up to its end
  kVectors,   // iovecs, argument `of` of them, and what they show
  kItems,     // argument `of` times 8 bytes
  kSocket,    // an address of at most 128 bytes, its length behind argument `of`
  kMessage,   // a msghdr with its vectors
};

struct Buffer {
  std::uint8_t argument = 0;
  Touch touch = Touch::kRead;
  Size size = Size::kNone;
  std::uint16_t of = 0;
};

struct Row {
  std::int64_t number;
  std::array<Buffer, 3> buffers;
};

constexpr Touch kIn = Touch::kRead;
constexpr Touch kOut = Touch::kWrite;
constexpr std::uint64_t kMostVectors = 1024;
constexpr std::uint64_t kMostItems = 1 << 20;

// Ascending, as on x86-64. A size that stands behind a buffer is that of its struct.
constexpr Row kRows[] = {
    {SYS_read, {{{1, kOut, Size::kResult}}}},
    {SYS_write, {{{1, kIn, Size::kResult}}}},
    {SYS_open, {{{0, kIn, Size::kText}}}},
    {SYS_stat, {{{0, kIn, Size::kText}, {1, kOut, Size::kBytes, 144}}}},
    {SYS_fstat, {{{1, kOut, Size::kBytes, 144}}}},
    {SYS_lstat, {{{0, kIn, Size::kText}, {1, kOut, Size::kBytes, 144}}}},
    {SYS_poll, {{{0, kOut, Size::kItems, 1}}}},
    {SYS_rt_sigaction, {{{1, kIn, Size::kBytes, 32}, {2, kOut, Size::kBytes, 32}}}},
    {SYS_rt_sigprocmask, {{{1, kIn, Size::kBytes, 8}, {2, kOut, Size::kBytes, 8}}}},
    {SYS_ioctl, {{{2, kOut, Size::kBytes, 8}}}},
    {SYS_pread64, {{{1, kOut, Size::kResult}}}},
    {SYS_pwrite64, {{{1, kIn, Size::kResult}}}},
    {SYS_readv, {{{1, kOut, Size::kVectors, 2}}}},
    {SYS_writev, {{{1, kIn, Size::kVectors, 2}}}},
    {SYS_access, {{{0, kIn, Size::kText}}}},
    {SYS_pipe, {{{0, kOut, Size::kBytes, 8}}}},
    {SYS_select,
     {{{1, kOut, Size::kBytes, 128}, {2, kOut, Size::kBytes, 128}, {4, kOut, Size::kBytes, 16}}}},
    {SYS_nanosleep, {{{0, kIn, Size::kBytes, 16}, {1, kOut, Size::kBytes, 16}}}},
    {SYS_getitimer, {{{1, kOut, Size::kBytes, 32}}}},
    {SYS_setitimer, {{{1, kIn, Size::kBytes, 32}, {2, kOut, Size::kBytes, 32}}}},
    {SYS_sendfile, {{{2, kOut, Size::kBytes, 8}}}},
    {SYS_connect, {{{1, kIn, Size::kArgument, 2}}}},
    {SYS_accept, {{{1, kOut, Size::kSocket, 2}}}},
    {SYS_sendto, {{{1, kIn, Size::kResult}, {4, kIn, Size::kArgument, 5}}}},
    {SYS_recvfrom, {{{1, kOut, Size::kResult}, {4, kOut, Size::kSocket, 5}}}},
    {SYS_sendmsg, {{{1, kIn, Size::kMessage}}}},
    {SYS_recvmsg, {{{1, kOut, Size::kMessage}}}},
    {SYS_bind, {{{1, kIn, Size::kArgument, 2}}}},
    {SYS_getsockname, {{{1, kOut, Size::kSocket, 2}}}},
    {SYS_getpeername, {{{1, kOut, Size::kSocket, 2}}}},
    {SYS_socketpair, {{{3, kOut, Size::kBytes, 8}}}},
    {SYS_setsockopt, {{{3, kIn, Size::kArgument, 4}}}},
    {SYS_getsockopt, {{{3, kOut, Size::kSocket, 4}}}},
    {SYS_wait4, {{{1, kOut, Size::kBytes, 4}, {3, kOut, Size::kBytes, 144}}}},
    {SYS_uname, {{{0, kOut, Size::kBytes, 390}}}},
    {SYS_truncate, {{{0, kIn, Size::kText}}}},
    {SYS_getdents, {{{1, kOut, Size::kResult}}}},
    {SYS_getcwd, {{{0, kOut, Size::kResult}}}},
    {SYS_chdir, {{{0, kIn, Size::kText}}}},
    {SYS_rename, {{{0, kIn, Size::kText}, {1, kIn, Size::kText}}}},
    {SYS_mkdir, {{{0, kIn, Size::kText}}}},
    {SYS_rmdir, {{{0, kIn, Size::kText}}}},
    {SYS_creat, {{{0, kIn, Size::kText}}}},
    {SYS_link, {{{0, kIn, Size::kText}, {1, kIn, Size::kText}}}},
    {SYS_unlink, {{{0, kIn, Size::kText}}}},
    {SYS_symlink, {{{0, kIn, Size::kText}, {1, kIn, Size::kText}}}},
    {SYS_readlink, {{{0, kIn, Size::kText}, {1, kOut, Size::kResult}}}},
    {SYS_chmod, {{{0, kIn, Size::kText}}}},
    {SYS_chown, {{{0, kIn, Size::kText}}}},
    {SYS_gettimeofday, {{{0, kOut, Size::kBytes, 16}, {1, kOut, Size::kBytes, 8}}}},
    {SYS_getrlimit, {{{1, kOut, Size::kBytes, 16}}}},
    {SYS_getrusage, {{{1, kOut, Size::kBytes, 144}}}},
    {SYS_sysinfo, {{{0, kOut, Size::kBytes, 112}}}},
    {SYS_times, {{{0, kOut, Size::kBytes, 32}}}},
    {SYS_getgroups, {{{1, kOut, Size::kItems, 0}}}},
    {SYS_getresuid,
     {{{0, kOut, Size::kBytes, 4}, {1, kOut, Size::kBytes, 4}, {2, kOut, Size::kBytes, 4}}}},
    {SYS_getresgid,
     {{{0, kOut, Size::kBytes, 4}, {1, kOut, Size::kBytes, 4}, {2, kOut, Size::kBytes, 4}}}},
    {SYS_rt_sigpending, {{{0, kOut, Size::kBytes, 8}}}},
    {SYS_rt_sigtimedwait,
     {{{0, kIn, Size::kBytes, 8}, {1, kOut, Size::kBytes, 128}, {2, kIn, Size::kBytes, 16}}}},
    {SYS_rt_sigsuspend, {{{0, kIn, Size::kBytes, 8}}}},
    {SYS_sigaltstack, {{{0, kIn, Size::kBytes, 24}, {1, kOut, Size::kBytes, 24}}}},
    {SYS_statfs, {{{0, kIn, Size::kText}, {1, kOut, Size::kBytes, 120}}}},
    {SYS_fstatfs, {{{1, kOut, Size::kBytes, 120}}}},
    {SYS_time, {{{0, kOut, Size::kBytes, 8}}}},
    {SYS_futex, {{{0, kIn, Size::kBytes, 4}}}},
    {SYS_sched_getaffinity, {{{2, kOut, Size::kResult}}}},
    {SYS_getdents64, {{{1, kOut, Size::kResult}}}},
    {SYS_clock_gettime, {{{1, kOut, Size::kBytes, 16}}}},
    {SYS_clock_getres, {{{1, kOut, Size::kBytes, 16}}}},
    {SYS_clock_nanosleep, {{{2, kIn, Size::kBytes, 16}, {3, kOut, Size::kBytes, 16}}}},
    {SYS_epoll_wait, {{{1, kOut, Size::kEvents}}}},
    {SYS_epoll_ctl, {{{3, kIn, Size::kBytes, 12}}}},
    {SYS_openat, {{{1, kIn, Size::kText}}}},
    {SYS_mkdirat, {{{1, kIn, Size::kText}}}},
    {SYS_newfstatat, {{{1, kIn, Size::kText}, {2, kOut, Size::kBytes, 144}}}},
    {SYS_unlinkat, {{{1, kIn, Size::kText}}}},
    {SYS_renameat, {{{1, kIn, Size::kText}, {3, kIn, Size::kText}}}},
    {SYS_linkat, {{{1, kIn, Size::kText}, {3, kIn, Size::kText}}}},
    {SYS_symlinkat, {{{0, kIn, Size::kText}, {2, kIn, Size::kText}}}},
    {SYS_readlinkat, {{{1, kIn, Size::kText}, {2, kOut, Size::kResult}}}},
    {SYS_fchmodat, {{{1, kIn, Size::kText}}}},
    {SYS_faccessat, {{{1, kIn, Size::kText}}}},
    {SYS_pselect6,
     {{{1, kOut, Size::kBytes, 128}, {2, kOut, Size::kBytes, 128}, {4, kIn, Size::kBytes, 16}}}},
    {SYS_ppoll, {{{0, kOut, Size::kItems, 1}, {2, kIn, Size::kBytes, 16}}}},
    {SYS_splice, {{{1, kOut, Size::kBytes, 8}, {3, kOut, Size::kBytes, 8}}}},
    {SYS_utimensat, {{{1, kIn, Size::kText}, {2, kIn, Size::kBytes, 32}}}},
    {SYS_epoll_pwait, {{{1, kOut, Size::kEvents}}}},
    {SYS_accept4, {{{1, kOut, Size::kSocket, 2}}}},
    {SYS_pipe2, {{{0, kOut, Size::kBytes, 8}}}},
    {SYS_preadv, {{{1, kOut, Size::kVectors, 2}}}},
    {SYS_pwritev, {{{1, kIn, Size::kVectors, 2}}}},
    {SYS_prlimit64, {{{2, kIn, Size::kBytes, 16}, {3, kOut, Size::kBytes, 16}}}},
    {SYS_renameat2, {{{1, kIn, Size::kText}, {3, kIn, Size::kText}}}},
    {SYS_getrandom, {{{0, kOut, Size::kResult}}}},
    {SYS_memfd_create, {{{0, kIn, Size::kText}}}},
    {SYS_copy_file_range, {{{1, kOut, Size::kBytes, 8}, {3, kOut, Size::kBytes, 8}}}},
    {SYS_statx, {{{1, kIn, Size::kText}, {4, kOut, Size::kBytes, 256}}}},
    {SYS_faccessat2, {{{1, kIn, Size::kText}}}},
};
static_assert(std::ranges::is_sorted(kRows, {}, &Row::number));

// Vectors, of whose bytes `used` were read or written.
struct Vectors {
  std::uint64_t address = 0;
  std::uint64_t count = 0;
  std::uint64_t used = 0;
};

void touch_vectors(Thread& thread, Vectors vectors, Touch touch) {
  vectors.count = std::min(vectors.count, kMostVectors);
  thread.touch_bytes({vectors.address, vectors.count * sizeof(iovec)}, Touch::kRead);
  for (; vectors.count != 0 && vectors.used != 0; --vectors.count) {
    iovec vector{};
    if (read_guest(vectors.address, &vector, sizeof vector) != sizeof vector) return;
    const std::uint64_t used = std::min<std::uint64_t>(vectors.used, vector.iov_len);
    thread.touch_bytes({reinterpret_cast<std::uint64_t>(vector.iov_base), used}, touch);
    vectors.used -= used;
    vectors.address += sizeof vector;
  }
}

// A msghdr, of whose vectors so many bytes were used.
void touch_message(Thread& thread, GuestBytes at, Touch touch) {
  const auto [address, used] = at;
  msghdr message{};
  thread.touch_bytes({address, sizeof message}, touch);
  if (read_guest(address, &message, sizeof message) != sizeof message) return;
  const auto touch_part = [&](const void* part, std::uint64_t length) {
    thread.touch_bytes({reinterpret_cast<std::uint64_t>(part), length}, touch);
  };
  touch_part(message.msg_name, message.msg_namelen);
  touch_part(message.msg_control, message.msg_controllen);
  touch_vectors(thread,
                {reinterpret_cast<std::uint64_t>(message.msg_iov), message.msg_iovlen, used},
                touch);
}

struct SocketAddress {
  std::uint64_t address = 0;
  std::uint64_t length_at = 0;
};

void touch_socket_address(Thread& thread, SocketAddress at) {
  const auto [address, length_at] = at;
  std::uint32_t length = 0;
  if (read_guest(length_at, &length, sizeof length) != sizeof length) return;
  thread.touch_bytes({address, std::min<std::uint64_t>(length, 128)}, Touch::kWrite);
  thread.touch_bytes({length_at, sizeof length}, Touch::kWrite);
}

void touch_buffer(Thread& thread, const Buffer& buffer, std::int64_t result) {
  const auto& a = thread.call.arguments;
  const std::uint64_t address = a[buffer.argument];
  const std::uint64_t used = result > 0 ? static_cast<std::uint64_t>(result) : 0;
  switch (buffer.size) {
    case Size::kNone:
      return;
    case Size::kBytes:
      return thread.touch_bytes({address, buffer.of}, buffer.touch);
    case Size::kArgument:
      return thread.touch_bytes({address, a[buffer.of]}, buffer.touch);
    case Size::kResult:
      return thread.touch_bytes({address, used}, buffer.touch);
    case Size::kEvents:
      return thread.touch_bytes({address, used * 12}, buffer.touch);
    case Size::kText:
      return thread.touch_bytes({address, guest_text_length(address) + 1}, buffer.touch);
    case Size::kVectors:
      return touch_vectors(thread, {address, a[buffer.of], used}, buffer.touch);
    case Size::kItems:
      return thread.touch_bytes({address, std::min(a[buffer.of], kMostItems) * 8}, buffer.touch);
    case Size::kSocket:
      return touch_socket_address(thread, {address, a[buffer.of]});
    case Size::kMessage:
      return touch_message(thread, {address, used}, buffer.touch);
  }
}

// The words that a new thread or process is told through.
void touch_of_clone(Thread& thread, std::int64_t result) {
  const auto& a = thread.call.arguments;
  if (result > 0 && (a[0] & CLONE_PARENT_SETTID) != 0)
    thread.touch_bytes({a[2], sizeof(std::uint32_t)}, Touch::kWrite);
  if (result == 0 && (a[0] & CLONE_CHILD_SETTID) != 0)
    thread.touch_bytes({a[3], sizeof(std::uint32_t)}, Touch::kWrite);
}

}  // namespace

void touch_buffers(Thread& thread, std::int64_t result) {
  if (result == -EFAULT) return;
  if (thread.call.number == SYS_clone) return touch_of_clone(thread, result);
  const auto* const row = std::ranges::lower_bound(kRows, thread.call.number, {}, &Row::number);
  if (row == std::end(kRows) || row->number != thread.call.number) return;
  for (const Buffer& buffer : row->buffers) {
    // A call that failed has read its arguments at most.
    if (result < 0 && buffer.touch == Touch::kWrite) continue;
    touch_buffer(thread, buffer, result);
  }
}

}  // namespace quire::record
