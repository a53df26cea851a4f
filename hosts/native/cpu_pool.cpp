#include "hosts/native/cpu_pool.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>
#include <vector>

namespace quire {
namespace {

// What the core knows of this thread, on whichever CPU it runs.
thread_local Task thread_task;

void begin_on(CpuContext& cpu) { cpu.task = &thread_task; }
void end_on(CpuContext& cpu) { cpu.task = &cpu.idle_task; }

}  // namespace

struct CpuPool::State {
  State(std::span<CpuContext> all, Drain on_death)
      : cpus(all), drain(std::move(on_death)), owned(all.size()) {}

  [[nodiscard]] std::size_t overflow() const { return cpus.size() - 1; }
  // Index of a CPU that nobody owns, the overflow CPU last; cpus.size() when there is none.
  [[nodiscard]] std::size_t find_free() const {
    std::size_t index = 0;
    while (index < cpus.size() && owned[index]) ++index;
    return index;
  }

  const std::span<CpuContext> cpus;
  const Drain drain;
  std::mutex mutex;  // everything below
  std::condition_variable cpu_freed;
  std::vector<bool> owned;
  std::size_t sharers = 0;  // claims that share the overflow CPU
  bool closed = false;      // the machine is going: contexts must not be touched

  std::mutex overflow_mutex;  // held by whoever runs on the overflow CPU while it is shared
};

CpuPool::CpuPool(std::span<CpuContext> cpus, Drain drain)
    : state_(std::make_shared<State>(cpus, std::move(drain))) {
  QUIRE_ASSERT(!cpus.empty());
}

CpuPool::~CpuPool() {
  const std::lock_guard guard(state_->mutex);
  state_->closed = true;
}

CpuClaim::CpuClaim(CpuPool& pool) : state_(pool.state_), previous_(Arch::current()) {
  std::unique_lock guard(state_->mutex);
  std::size_t index = 0;
  state_->cpu_freed.wait(guard, [&] {
    index = state_->find_free();
    return index != state_->cpus.size();
  });
  cpu_ = &state_->cpus[index];
  shared_ = index == state_->overflow();
  if (shared_) {
    ++state_->sharers;
  } else {
    state_->owned[index] = true;
    begin_on(*cpu_);
    Arch::set_current(cpu_);
  }
}

CpuClaim::CpuClaim(std::shared_ptr<State> state, CpuContext& cpu)
    : state_(std::move(state)), cpu_(&cpu), previous_(Arch::current()) {
  begin_on(cpu);
  Arch::set_current(cpu_);
}

CpuClaim::CpuClaim(std::shared_ptr<State> state)
    : state_(std::move(state)), cpu_(&state_->cpus.back()), previous_(Arch::current()),
      shared_(true) {
  std::unique_lock guard(state_->mutex);
  state_->cpu_freed.wait(guard, [&] { return !state_->owned.back(); });
  ++state_->sharers;
}

CpuClaim CpuClaim::share(CpuPool& pool) { return CpuClaim(pool.state_); }

CpuClaim::CpuClaim(CpuClaim&& other) noexcept
    : state_(std::move(other.state_)), cpu_(other.cpu_), previous_(other.previous_),
      uses_(other.uses_), shared_(other.shared_) {}

Result<CpuClaim> CpuClaim::of(CpuPool& pool, CpuId cpu) {
  State& state = *pool.state_;
  const std::size_t index = index_of(cpu);
  if (index >= state.cpus.size()) return Errno::kInvalid;
  const std::lock_guard guard(state.mutex);
  const bool is_shared = index == state.overflow() && state.sharers != 0;
  if (state.owned[index] || is_shared) return Errno::kBusy;
  state.owned[index] = true;
  return CpuClaim(pool.state_, state.cpus[index]);
}

CpuClaim::~CpuClaim() {
  if (state_ == nullptr) return;
  const std::lock_guard guard(state_->mutex);
  release_locked();
}

void CpuClaim::drain_and_end() {
  {
    const std::lock_guard guard(state_->mutex);
    const bool is_last = !shared_ || state_->sharers == 1;
    if (!state_->closed && state_->drain && is_last) {
      const CpuUse use(*this);
      state_->drain(*cpu_);
    }
    release_locked();
  }
  state_.reset();
}

void CpuClaim::release_locked() {
  if (Arch::current() == cpu_) Arch::set_current(previous_);
  if (shared_) {
    --state_->sharers;
  } else {
    if (!state_->closed) end_on(*cpu_);
    state_->owned[static_cast<std::size_t>(cpu_ - state_->cpus.data())] = false;
  }
  state_->cpu_freed.notify_all();
}

void CpuClaim::enter() {
  if (uses_++ != 0) return;
  state_->overflow_mutex.lock();
  begin_on(*cpu_);
}

void CpuClaim::leave() {
  if (--uses_ != 0) return;
  end_on(*cpu_);
  state_->overflow_mutex.unlock();
}

namespace {

// The claims that a thread holds by itself; they end with it.
struct ThreadClaims {
  ~ThreadClaims() {
    for (; !claims.empty(); claims.pop_back()) claims.back()->drain_and_end();
  }
  std::vector<std::unique_ptr<CpuClaim>> claims;
};
thread_local ThreadClaims thread_claims;

}  // namespace

Result<void> attach_thread(CpuPool& pool, std::optional<CpuId> cpu) {
  if (thread_claim(pool) != nullptr) return Errno::kExists;
  auto& claims = thread_claims.claims;
  if (!cpu.has_value()) {
    claims.push_back(std::make_unique<CpuClaim>(pool));
    return {};
  }
  Result<CpuClaim> claim = CpuClaim::of(pool, *cpu);
  if (!claim.has_value()) return claim.error();
  claims.push_back(std::make_unique<CpuClaim>(std::move(*claim)));
  return {};
}

Result<void> attach_thread_sharing(CpuPool& pool) {
  if (thread_claim(pool) != nullptr) return Errno::kExists;
  thread_claims.claims.push_back(std::make_unique<CpuClaim>(CpuClaim::share(pool)));
  return {};
}

void detach_thread(CpuPool& pool) {
  auto& claims = thread_claims.claims;
  std::erase_if(claims, [&](const auto& claim) { return claim->is_of(pool); });
  // Pools may be left in any order, so what was current before is no guide.
  const bool on_cpu = !claims.empty() && !claims.back()->shared();
  Arch::set_current(on_cpu ? &claims.back()->cpu() : nullptr);
}

CpuClaim* thread_claim(const CpuPool& pool) {
  for (const auto& claim : thread_claims.claims)
    if (claim->is_of(pool)) return claim.get();
  return nullptr;
}

}  // namespace quire
