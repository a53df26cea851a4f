#include "tools/record/plugin/window.hpp"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <new>

namespace quire::record {

constinit Thread Thread::none_{};
constinit thread_local Thread* Thread::current_ = &Thread::none_;
std::uint64_t Thread::limit = kUsualWindow;
constinit std::array<GuestPages, Thread::kMostPassedOver> Thread::passed_over_{};

namespace {

// How often memory has changed.
std::atomic<std::uint32_t> epoch{1};

Thread* threads = nullptr;  // under the lock
std::atomic_flag threads_locked = ATOMIC_FLAG_INIT;

class ThreadsLock {
 public:
  ThreadsLock() {
    while (threads_locked.test_and_set(std::memory_order_acquire))
      if (!threads_locked.test(std::memory_order_relaxed)) continue;
  }
  ~ThreadsLock() { threads_locked.clear(std::memory_order_release); }
  ThreadsLock(const ThreadsLock&) = delete;
  ThreadsLock& operator=(const ThreadsLock&) = delete;
};

std::uint32_t tid() { return static_cast<std::uint32_t>(syscall(SYS_gettid)); }

}  // namespace

Thread& Thread::current() {
  if (current_ != &none_) return *current_;
  void* const room = mmap(nullptr, sizeof(Thread), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) _exit(kStreamStatus);
  auto* const made = new (room) Thread{};
  current_ = made;
  made->stream.begin(tid());
  const ThreadsLock lock;
  made->next_ = threads;
  threads = made;
  return *made;
}

Thread& Thread::begin_child(std::uint32_t process) {
  threads_locked.clear();
  recording.process = process;
  Thread& self = *current_;
  threads = &self;
  self.next_ = nullptr;
  for (unsigned i = 0; i < self.used_; ++i) self.slots_[self.order_[i]] = {};
  self.used_ = 0;
  self.stream.abandon();
  self.stream.begin(tid());
  return self;
}

void Thread::end_current() {
  Thread* const self = current_;
  if (self == &none_) return;
  self->end_window();
  {
    const ThreadsLock lock;
    for (Thread** at = &threads; *at != nullptr; at = &(*at)->next_)
      if (*at == self) {
        *at = self->next_;
        break;
      }
  }
  current_ = &none_;
  munmap(self, sizeof *self);
}

void Thread::memory_changes(const Thread& by) {
  epoch.fetch_add(1);
  const ThreadsLock lock;
  for (Thread* thread = threads; thread != nullptr; thread = thread->next_)
    if (thread != &by) thread->limit_.store(0);
}

void Thread::end_all_windows() {
  const ThreadsLock lock;
  for (Thread* thread = threads; thread != nullptr; thread = thread->next_) thread->end_window();
}

void Thread::end_window() {
  if (used_ == 0) return;
  std::uint64_t* to = stream.reserve(RecordKind::kWindow, used_);
  for (unsigned i = 0; i < used_; ++i) {
    std::uint64_t& slot = slots_[order_[i]];
    const std::uint64_t key = (slot >> kCountBits) - 1;
    *to++ = (key / 3) << 2 | key % 3 | (slot & kCountMask) << kEntryKeyBits;
    slot = 0;
  }
  stream.commit(sequence_);
  used_ = 0;
}

void Thread::pass_over(GuestPages pages) {
  const auto room = std::ranges::find(passed_over_, 0u, &GuestPages::end);
  if (room != passed_over_.end()) *room = pages;
}

bool Thread::is_passed_over(std::uint64_t key) {
  const std::uint64_t page = (key - 1) / 3;
  return std::ranges::any_of(passed_over_, [&](const GuestPages& pages) {
    return page >= pages.first && page < pages.end;
  });
}

void Thread::missed(Touches touches) {
  if (is_passed_over(touches.key)) return;
  Thread& self = current();
  std::uint64_t& slot = self.slots_[place_of(touches.key)];
  if (epoch.load() != self.epoch_) {
    self.end_window();
    // Who changes memory takes the limit after the epoch: not one that is set behind its back.
    do {
      self.epoch_ = epoch.load();
      self.limit_.store(limit);
    } while (epoch.load() != self.epoch_);
  }
  if (slot >> kCountBits == touches.key) {
    slot += touches.times;
    if ((slot & kCountMask) >= limit) self.end_window();
    return;
  }
  if (slot != 0) self.end_window();
  self.insert(touches);
}

void Thread::insert(Touches touches) {
  if (used_ == 0) sequence_ = StreamWriter::take_sequence();
  const unsigned place = place_of(touches.key);
  slots_[place] = touches.key << kCountBits | touches.times;
  order_[used_++] = static_cast<std::uint16_t>(place);
  if (touches.times >= limit) end_window();
}

void Thread::touch_bytes(GuestBytes bytes, Touch kind) {
  const auto [address, length] = bytes;
  // Nothing is mapped below vm.mmap_min_addr: that is a number, which some calls take there.
  constexpr std::uint64_t kLowest = 1 << 12;
  if (address < kLowest || length == 0 || length > kGuestEnd || address >= kGuestEnd) return;
  for (std::uint64_t page = address >> 12; page <= (address + length - 1) >> 12; ++page)
    touch(page, kind, 1);
}

}  // namespace quire::record
