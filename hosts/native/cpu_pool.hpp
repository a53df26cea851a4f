// Who runs on which CPU of a machine when threads are real. A CPU is owned by one thread at a time;
// threads that find none free share the last CPU, each taking its lock for every call.
//
//   CpuPool pool(machine.cpus(), [&](CpuContext& cpu) { machine.drain(cpu); });
//   CpuClaim claim(pool);                 // in each thread
//   { CpuUse use(claim); ... call the machine ... }
//
// Sharing    The last CPU is the overflow CPU: a claim of any CPU takes it only when all others are
//            owned, and then always to share, since a thread that owned it could not be asked to
//            make way. Claimed by number it is owned like any other; while it is, threads that find
//            no CPU wait for one. A machine with one CPU is shared by everyone who claims any.
// Ownership  The pool borrows the contexts from their machine and must end before it. A thread's
//            claim that outlives the pool does nothing any more.
// Locking    Claims are made, used and ended by one thread, in scopes. Neither `drain` nor a use of
//            a shared CPU may claim a CPU of the same pool.
// Errors     By number: kInvalid when there is no such CPU, kBusy when it is owned or shared.
// Cost       A use of an owned CPU is a load and a comparison; of a shared one, a mutex.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "host/host.hpp"

namespace quire {

class CpuPool {
 public:
  // Called on the CPU with its context current when a thread dies with the CPU's last claim: gives
  // back what the CPU keeps for itself (its free pages and its parts of counters).
  using Drain = std::function<void(CpuContext&)>;

  explicit CpuPool(std::span<CpuContext> cpus, Drain drain = {});
  ~CpuPool();
  CpuPool(const CpuPool&) = delete;
  CpuPool& operator=(const CpuPool&) = delete;

 private:
  friend class CpuClaim;
  struct State;
  std::shared_ptr<State> state_;
};

// A thread's right to a CPU, until it ends. An owned CPU is current from the start.
class CpuClaim {
 public:
  // A CPU that nobody owns, else the overflow CPU; waits when that is owned too.
  explicit CpuClaim(CpuPool& pool);
  // The CPU of that number, alone.
  static Result<CpuClaim> of(CpuPool& pool, CpuId cpu);
  // The overflow CPU, to share with whoever else does; waits while it is owned.
  static CpuClaim share(CpuPool& pool);

  ~CpuClaim();
  CpuClaim(CpuClaim&& other) noexcept;
  CpuClaim& operator=(CpuClaim&&) = delete;

  [[nodiscard]] CpuContext& cpu() const { return *cpu_; }
  [[nodiscard]] bool shared() const { return shared_; }
  [[nodiscard]] bool is_of(const CpuPool& pool) const { return state_ == pool.state_; }

  // Ends the claim as a dying thread does: drains the CPU unless others still share it.
  void drain_and_end();

 private:
  friend class CpuUse;
  using State = CpuPool::State;

  CpuClaim(std::shared_ptr<State> state, CpuContext& cpu);
  explicit CpuClaim(std::shared_ptr<State> state);
  void enter();
  void leave();
  void release_locked();

  std::shared_ptr<State> state_;
  CpuContext* cpu_ = nullptr;
  CpuContext* previous_ = nullptr;  // what was current when the claim was made
  unsigned uses_ = 0;               // nested uses of a shared CPU
  bool shared_ = false;
};

// Around each call into the machine: its CPU is current, and no other thread's.
class CpuUse {
 public:
  explicit CpuUse(CpuClaim& claim) : claim_(claim), previous_(Arch::current()) {
    if (claim.shared_) claim.enter();
    if (previous_ != claim.cpu_) Arch::set_current(claim.cpu_);
  }
  ~CpuUse() {
    if (previous_ != claim_.cpu_) Arch::set_current(previous_);
    if (claim_.shared_) claim_.leave();
  }
  CpuUse(const CpuUse&) = delete;
  CpuUse& operator=(const CpuUse&) = delete;

 private:
  CpuClaim& claim_;
  CpuContext* previous_;
};

// A claim that the thread itself holds, for callers without a scope of their own (a C API): it ends
// at detach_thread(), or drained when the thread dies. kExists when there is one already.
Result<void> attach_thread(CpuPool& pool, std::optional<CpuId> cpu = std::nullopt);
// The same with the overflow CPU, which stays shared.
Result<void> attach_thread_sharing(CpuPool& pool);
void detach_thread(CpuPool& pool);
// Null when the thread is not attached.
CpuClaim* thread_claim(const CpuPool& pool);

}  // namespace quire
