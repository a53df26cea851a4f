#include "mm/descriptors.hpp"

#include <new>

namespace quire {

Result<void> Descriptors::grow(std::uint32_t count) {
  void* const memory = kmalloc_.alloc(count * sizeof(Slot), Gfp::kKernelAccount);
  if (memory == nullptr) return Errno::kNoMemory;
  auto* const slots = static_cast<Slot*>(memory);
  for (std::uint32_t i = 0; i < count; ++i)
    new (&slots[i]) Slot(i < slots_.size() ? slots_[i] : Slot{});
  if (!slots_.empty()) kmalloc_.free(slots_.data());
  slots_ = {slots, count};
  return {};
}

Result<int> Descriptors::add(File& file, OnExec on_exec) {
  constexpr std::uint32_t kFirst = 64;
  std::uint32_t number = 0;
  while (number < slots_.size() && slots_[number].file != nullptr) ++number;
  if (number >= kLimit) return Errno::kTooManyFiles;
  if (number == slots_.size()) QUIRE_TRY(grow(number == 0 ? kFirst : 2 * number));
  slots_[number] = {&file, on_exec};
  return static_cast<int>(number);
}

Result<File*> Descriptors::get(int number) const {
  const auto index = static_cast<std::uint32_t>(number);
  if (index >= slots_.size() || slots_[index].file == nullptr) return Errno::kBadFile;
  return slots_[index].file;
}

Result<void> Descriptors::close(int number) {
  QUIRE_TRY_ASSIGN(file, get(number));
  slots_[static_cast<std::uint32_t>(number)] = {};
  file->put();
  return {};
}

Result<void> Descriptors::share(const Descriptors& from) {
  if (from.slots_.empty()) return {};
  QUIRE_TRY(grow(static_cast<std::uint32_t>(from.slots_.size())));
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i] = from.slots_[i];
    if (slots_[i].file != nullptr) slots_[i].file->get();
  }
  return {};
}

void Descriptors::close_on_exec() {
  for (Slot& slot : slots_) {
    if (slot.file == nullptr || slot.on_exec == OnExec::kKeep) continue;
    File* const file = slot.file;
    slot = {};
    file->put();
  }
}

void Descriptors::close_all() {
  for (Slot& slot : slots_)
    if (File* const file = slot.file) {
      slot = {};
      file->put();
    }
  if (!slots_.empty()) kmalloc_.free(slots_.data());
  slots_ = {};
}

}  // namespace quire
