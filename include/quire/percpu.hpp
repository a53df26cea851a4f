// A T on every CPU of a machine. For quire/quire.hpp.
//
//   quire::PerCpu<long> hits = machine->per_cpu<long>().value();
//   ++*hits.here();                                // while it lives, the thread keeps its CPU
//   for (int cpu = 0; cpu < machine->cpus(); ++cpu) sum += hits.on(quire::Cpu{cpu});
//
// Ownership  Borrows the machine. The Ts are zero at first and are not destroyed, only freed.
#pragma once

#include <quire/pages.hpp>
#include <quire/quire.h>

#include <type_traits>
#include <utility>

namespace quire {
inline namespace api {

// The calling thread keeps its CPU, and others stay off it, for as long as this lives. Made and
// ended on one thread, the last made first.
template <class T>
class HeldPiece {
 public:
  HeldPiece(quire_machine* machine, void* pointer) : machine_(machine) {
    quire_get_cpu(machine_);
    piece_ = static_cast<T*>(quire_this_cpu_ptr(machine_, pointer));
  }
  ~HeldPiece() { quire_put_cpu(machine_); }
  HeldPiece(const HeldPiece&) = delete;
  HeldPiece& operator=(const HeldPiece&) = delete;

  T& operator*() const { return *piece_; }
  T* operator->() const { return piece_; }

 private:
  quire_machine* machine_;
  T* piece_;
};

template <class T>
class PerCpu {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  static Result<PerCpu> make(quire_machine* machine) {
    void* const pointer =
        quire_alloc_percpu(machine, sizeof(T), unsigned{alignof(T)}, QUIRE_GFP_KERNEL);
    if (pointer == nullptr) return Error{0, quire_last_error()};
    return PerCpu(machine, pointer);
  }
  ~PerCpu() {
    if (pointer_ != nullptr) quire_free_percpu(machine_, pointer_);
  }
  PerCpu(PerCpu&& other) noexcept
      : machine_(other.machine_), pointer_(std::exchange(other.pointer_, nullptr)) {}
  PerCpu& operator=(PerCpu&& other) noexcept {
    std::swap(machine_, other.machine_);
    std::swap(pointer_, other.pointer_);
    return *this;
  }

  // `cpu` is one of the machine's.
  [[nodiscard]] T& on(Cpu cpu) const {
    return *static_cast<T*>(quire_per_cpu_ptr(machine_, pointer_, static_cast<int>(cpu)));
  }
  [[nodiscard]] HeldPiece<T> here() const { return {machine_, pointer_}; }

 private:
  PerCpu(quire_machine* machine, void* pointer) : machine_(machine), pointer_(pointer) {}

  quire_machine* machine_;
  void* pointer_;
};

}  // namespace api
}  // namespace quire
