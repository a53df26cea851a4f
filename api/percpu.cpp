// Per-CPU memory, and threads that stay on their CPU.
#include <bit>
#include <cstring>

#include "api/arguments.hpp"

using quire::Bytes;
using quire::CpuId;
using quire::Errno;
using quire::Gfp;
using quire::PercpuArea;
using quire::PercpuOffset;
using quire::PercpuWait;
using quire::api::Call;
using quire::api::fail;
using quire::api::flags_of;
using quire::api::refuse;

namespace {

// Per-CPU pointers are offsets above this: no address has the form, so what uses one as an
// address faults.
constexpr std::uintptr_t kForm = std::uintptr_t{1} << 62;
constexpr std::uintptr_t kMostOffset = ~std::uint32_t{0};

void* to_pointer(PercpuOffset offset) { return reinterpret_cast<void*>(kForm | raw(offset)); }
std::optional<PercpuOffset> offset_of(const quire_machine& machine, const void* pointer) {
  const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(pointer) - kForm;
  if (offset > kMostOffset || !machine.machine->percpu().is_dynamic(Bytes{offset}))
    return std::nullopt;
  return PercpuOffset{static_cast<std::uint32_t>(offset)};
}

bool has_cpu(const quire_machine& machine, int cpu) {
  return cpu >= 0 && cpu < quire_cpu_count(&machine);
}
void* piece(const quire_machine& machine, PercpuOffset offset, int cpu) {
  return machine.machine->percpu().of(CpuId{static_cast<std::uint16_t>(cpu)}) + raw(offset);
}

// As large a power of two as divides the size: what the variable is aligned to, or more.
Bytes alignment_of(std::size_t size) {
  return Bytes{std::min<std::size_t>(size & -size, quire::kPageSize.raw())};
}

}  // namespace

quire::Result<PercpuOffset> quire_machine::offset_of(const quire_percpu_variable& variable) {
  const std::lock_guard guard(variables_lock_);
  const auto [at, is_new] = variables_.try_emplace({variable.initial, variable.size});
  if (!is_new) return at->second;
  PercpuArea& percpu = machine->percpu();
  const auto offset = percpu.allocate(Bytes{variable.size}, alignment_of(variable.size));
  if (!offset.has_value()) {
    variables_.erase(at);
    return offset;
  }
  for (std::byte* const area : percpu.all())
    std::memcpy(area + raw(*offset), variable.initial, variable.size);
  return at->second = *offset;
}

extern "C" {

void* quire_alloc_percpu(quire_machine* machine, size_t size, unsigned align, quire_gfp_t gfp) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  const Gfp flags = flags_of(gfp);
  const bool may_wait = (flags & Gfp::kKernel) == Gfp::kKernel;
  const Call call(*machine);
  const auto offset = machine->machine->percpu().allocate(
      Bytes{size}, Bytes{align}, may_wait ? PercpuWait::kMay : PercpuWait::kMayNot);
  if (!offset.has_value()) return refuse(offset.error(), "no per-CPU memory of that size");
  return to_pointer(*offset);
}

int quire_free_percpu(quire_machine* machine, void* pointer) {
  if (machine == nullptr) return fail(Errno::kInvalid, "no machine");
  if (pointer == nullptr) return 0;
  const auto offset = offset_of(*machine, pointer);
  if (!offset) return fail(Errno::kInvalid, "not a per-CPU pointer");
  const Call call(*machine);
  const auto done = machine->machine->percpu().free(*offset);
  if (!done.has_value()) return fail(done.error(), "not allocated");
  machine->machine->percpu().balance();
  return 0;
}

void* quire_per_cpu_ptr(quire_machine* machine, const void* pointer, int cpu) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  if (!has_cpu(*machine, cpu)) return refuse(Errno::kInvalid, "the machine has no such CPU");
  const auto offset = offset_of(*machine, pointer);
  if (!offset) return refuse(Errno::kInvalid, "not a per-CPU pointer");
  return piece(*machine, *offset, cpu);
}

void* quire_this_cpu_ptr(quire_machine* machine, const void* pointer) {
  if (machine == nullptr) return refuse(Errno::kInvalid, "no machine");
  return quire_per_cpu_ptr(machine, pointer, quire::api::cpu_of_thread(*machine));
}

void* quire_per_cpu_variable(quire_machine* machine, const quire_percpu_variable* variable,
                             int cpu) {
  if (machine == nullptr || variable == nullptr || variable->initial == nullptr)
    return refuse(Errno::kInvalid, "no machine or variable");
  if (!has_cpu(*machine, cpu)) return refuse(Errno::kInvalid, "the machine has no such CPU");
  const Call call(*machine);
  const auto offset = machine->offset_of(*variable);
  if (!offset.has_value()) return refuse(offset.error(), "no per-CPU memory of that size");
  return piece(*machine, *offset, cpu);
}

}  // extern "C"
