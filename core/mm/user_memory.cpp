#include "mm/user_memory.hpp"

#include <cstring>

namespace quire {

Result<void> UserMemory::touch(Process& process, VirtAddr at, Access access) {
  return reach(process, at, access, [](std::byte*) {});
}

Result<void> UserMemory::read(Process& process, VirtAddr from, std::span<std::byte> to) {
  if (!process.mm->parts.keep_content) return Errno::kNotSupported;
  std::byte* next = to.data();
  return for_each_page(process, {from, from + Bytes{to.size()}},
                       [&](VirtAddr at, Bytes length) {
    return reach(process, at, Access::kUserRead, [&](const std::byte* content) {
      std::memcpy(next, content, length.raw());
      next += length.raw();
    });
  });
}

Result<void> UserMemory::write(Process& process, VirtAddr to, std::span<const std::byte> from) {
  if (!process.mm->parts.keep_content) return Errno::kNotSupported;
  const std::byte* next = from.data();
  return for_each_page(process, {to, to + Bytes{from.size()}},
                       [&](VirtAddr at, Bytes length) {
    return reach(process, at, Access::kUserWrite, [&](std::byte* content) {
      std::memcpy(content, next, length.raw());
      next += length.raw();
    });
  });
}

template <class Copy>
Result<void> UserMemory::for_each_page(Process& process, VirtRange range, Copy copy) {
  if (range.end < range.start || process.mm->layout.task_size < range.end) {
    process.last_end = FaultEnd::kNotMapped;
    return Errno::kFault;
  }
  for (VirtAddr at = range.start; at < range.end;) {
    const VirtAddr next = min_of(at.align_down(kPageSize) + kPageSize, range.end);
    QUIRE_TRY(copy(at, next - at));
    at = next;
  }
  return {};
}

template <class Use>
Result<void> UserMemory::reach(Process& process, VirtAddr at, Access access, Use use) {
  Mm& mm = *process.mm;
  while (true) {
    if (try_reach(mm, at, access, use)) return {};
    process.last_end = mm.layout.task_size <= at ? FaultEnd::kNotMapped
                                                 : parts_.faults.handle(mm, at, access);
    switch (process.last_end) {
      case FaultEnd::kMinor:
        ++process.minor_faults;
        break;
      case FaultEnd::kMajor:
        ++process.major_faults;
        break;
      case FaultEnd::kNoMemory:
        return Errno::kNoMemory;
      default:
        return Errno::kFault;
    }
  }
}

template <class Use>
bool UserMemory::try_reach(Mm& mm, VirtAddr at, Access access, Use use) {
  if (parts_.model != nullptr) {
    std::byte* const content = translate(at, access);
    if (content != nullptr) use(content);
    return content != nullptr;
  }
  if (mm.layout.task_size <= at) return false;
  const SharedGuard walking(mm.walks);
  const EntrySlot slot = mm.tables.find_slot(at);
  const TableGuard guard(mm.parts.map.at(slot.page));
  if (!mm.tables.load(slot).is_leaf(slot.level)) return false;
  std::byte* const content = walk(mm, at, access);
  if (content != nullptr) use(content);
  return content != nullptr;
}

std::byte* UserMemory::translate(VirtAddr at, Access access) const {
  CpuTlb& cpu = parts_.model->here();
  switch (access) {
    case Access::kUserWrite:
      return cpu.translate<Access::kUserWrite>(at);
    case Access::kUserExecute:
      return cpu.translate<Access::kUserExecute>(at);
    default:
      return cpu.translate<Access::kUserRead>(at);
  }
}

std::byte* UserMemory::walk(const Mm& mm, VirtAddr at, Access access) const {
  TableMemo none;
  const auto found = parts_.walker.walk(mm.tables.root_frame(), at, access, none);
  if (!found.has_value() || !found->allows.has(access)) return nullptr;
  std::byte* const frame = parts_.walker.content(found->frame_of(at));
  return frame == nullptr ? nullptr : frame + (at.raw() & (kPageSize.raw() - 1));
}

}  // namespace quire
