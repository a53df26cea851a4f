#include "malloc/threads.hpp"

namespace quire::preload {
namespace {

// Seen by threads without a CPU of their own: wherever a CpuSlab lies in an area, here is one that
// has no object, and to which no page belongs.
struct NobodysArea {
  constexpr NobodysArea() {
    for (CpuSlab& slab : slabs) slab.tag = ~std::uint64_t{0};
  }
  std::array<CpuSlab, kLookedAt / sizeof(CpuSlab)> slabs;
};
constinit NobodysArea nobodys_area;

}  // namespace

constinit thread_local CpuSlab* own_area = nobodys_area.slabs.data();
constinit thread_local CpuSlab* recent_slab = nobodys_area.slabs.data();
constinit Threads threads;

namespace {

// Of the thread that runs.
struct Self {
  void* seat = nullptr;
  bool dying = false;    // it has given its CPU up, and gets no other
  bool forking = false;  // it has every lock, and may visit while others wait for it
};
[[gnu::tls_model("initial-exec")]] constinit thread_local Self self;

}  // namespace

void Threads::start(Host& host, std::span<CpuContext> cpus, Empty empty) {
  host_ = &host;
  cpus_ = cpus;
  empty_ = empty;
  pthread_key_create(&dies_, thread_dies);
  pthread_atfork([] { threads.before_fork(); }, [] { threads.after_fork_in_parent(); },
                 [] { threads.after_fork_in_child(); });
}

// Says that it visits, then looks whether somebody forks: who forks says so first, has every CPU
// pass a barrier, and then waits for visits to end.
void Threads::enter() {
  if (self.seat == nullptr && !self.dying && !self.forking) {
    self.seat = take_seat();
    if (self.seat != nullptr) {
      own_area = reinterpret_cast<CpuSlab*>(static_cast<Seat*>(self.seat)->cpu->percpu);
      pthread_setspecific(dies_, this);
    }
  }
  if (self.seat == nullptr) {
    if (!self.forking) last_cpu_.lock();
    Arch::set_current(&cpus_.back());
    return;
  }
  Seat& seat = *static_cast<Seat*>(self.seat);
  for (;;) {
    seat.visiting.store(1, std::memory_order_relaxed);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    if (!forking_.load(std::memory_order_acquire) || self.forking) [[likely]] break;
    seat.visiting.store(0, std::memory_order_release);
    fork_mutex_.lock();
    fork_mutex_.unlock();
  }
  Arch::set_current(seat.cpu);
  const std::uint32_t wish = wish_to_empty_.load(std::memory_order_relaxed);
  if (seat.emptied != wish) [[unlikely]] {
    seat.emptied = wish;
    empty_(*seat.cpu);
  }
}

void Threads::leave() {
  Arch::set_current(nullptr);
  if (self.seat != nullptr)
    static_cast<Seat*>(self.seat)->visiting.store(0, std::memory_order_release);
  else if (!self.forking)
    last_cpu_.unlock();
}

// The seat that was left last, or the next one that nobody has had; null when there is none.
Threads::Seat* Threads::take_seat() {
  seats_mutex_.lock();
  Seat* seat = vacant_;
  if (seat != nullptr) {
    vacant_ = seat->next;
    --vacant_count_;
  } else if (seats_used_ < seats_.size() && seats_used_ + 1 < cpus_.size()) {
    seat = &seats_[seats_used_];
    seat->cpu = &cpus_[seats_used_];
    ++seats_used_;
  }
  seats_mutex_.unlock();
  return seat;
}

void Threads::empty_all() {
  CpuContext* const own = Arch::current();
  const std::uint32_t wish = wish_to_empty_.fetch_add(1, std::memory_order_relaxed) + 1;
  seats_mutex_.lock();
  for (Seat* seat = vacant_; seat != nullptr; seat = seat->next) {
    Arch::set_current(seat->cpu);
    seat->emptied = wish;
    empty_(*seat->cpu);
  }
  seats_mutex_.unlock();
  Arch::set_current(own);
  empty_(*own);
  if (self.seat != nullptr) static_cast<Seat*>(self.seat)->emptied = wish;
}

void Threads::give_up_seat() {
  Seat& seat = *static_cast<Seat*>(self.seat);
  seats_mutex_.lock();
  const bool keeps = vacant_count_ < kWarmCpus;
  seats_mutex_.unlock();
  if (!keeps) {
    const Visit visit;
    empty_(*seat.cpu);
  }
  own_area = recent_slab = nobodys_area.slabs.data();
  self.seat = nullptr;
  self.dying = true;
  seats_mutex_.lock();
  seat.next = vacant_;
  vacant_ = &seat;
  ++vacant_count_;
  seats_mutex_.unlock();
}

void Threads::thread_dies(void* of) {
  if (self.seat != nullptr) static_cast<Threads*>(of)->give_up_seat();
}

void Threads::before_fork() {
  fork_mutex_.lock();
  seats_mutex_.lock();
  last_cpu_.lock();
  self.forking = true;
  forking_.store(true, std::memory_order_release);
  host_->barrier_all();
  for (unsigned i = 0; i < seats_used_; ++i)
    while (seats_[i].visiting.load(std::memory_order_acquire) != 0) host_->yield();
}

void Threads::after_fork_in_parent() {
  forking_.store(false, std::memory_order_release);
  self.forking = false;
  last_cpu_.unlock();
  seats_mutex_.unlock();
  fork_mutex_.unlock();
}

// Other threads may have been anywhere on a hot path: what one was about to take or give is lost.
void Threads::after_fork_in_child() {
  vacant_ = nullptr;
  vacant_count_ = 0;
  for (unsigned i = 0; i < seats_used_; ++i) {
    if (&seats_[i] == self.seat) continue;
    seats_[i].next = vacant_;
    vacant_ = &seats_[i];
    ++vacant_count_;
  }
  after_fork_in_parent();
}

}  // namespace quire::preload
