#include "engine/stamps.hpp"

#include "engine/files.hpp"
#include "hosts/sim/random.hpp"

namespace quire {
namespace {

std::uint64_t page_of(VirtAddr at) { return at.raw() >> kPageShift; }

}  // namespace

std::uint64_t SharedStamps::write(const Place& place) {
  if (place.vma.has(VmFlags::kShared))
    return write(place.vma.file->mapping(), place.vma.index_of(place.at));
  return place.own[page_of(place.at)] = Random(++last_).next();
}

std::optional<std::uint64_t> SharedStamps::expected(const Place& place) const {
  if (!place.vma.has(VmFlags::kShared)) {
    const auto own = place.own.find(page_of(place.at));
    if (own != place.own.end()) return own->second;
  }
  if (place.vma.file == nullptr) return 0;
  Mapping& mapping = place.vma.file->mapping();
  const std::uint64_t index = place.vma.index_of(place.at);
  if (mapping.size().raw() < index * kPageSize.raw() + sizeof(std::uint64_t)) return std::nullopt;
  return expected(mapping, index);
}

std::uint64_t SharedStamps::write(Mapping& mapping, std::uint64_t index) {
  return shared_[{&mapping, index}] = Random(++last_).next();
}

std::uint64_t SharedStamps::expected(Mapping& mapping, std::uint64_t index) const {
  const auto shared = shared_.find({&mapping, index});
  if (shared != shared_.end()) return shared->second;
  return mapping.is_shmem() ? 0 : static_cast<StoredFile*>(mapping.file())->first_stamp(index);
}

void SharedStamps::forget(Mapping& mapping) {
  shared_.erase(shared_.lower_bound({&mapping, 0}),
                shared_.upper_bound({&mapping, ~std::uint64_t{0}}));
}

void SharedStamps::resized(Mapping& mapping, Bytes size) {
  const std::uint64_t end = pages_to_hold(size).raw();
  shared_.erase(shared_.lower_bound({&mapping, end}),
                shared_.upper_bound({&mapping, ~std::uint64_t{0}}));
  const std::uint64_t within = size.raw() & (kPageSize.raw() - 1);
  if (within == 0 || within >= sizeof(std::uint64_t)) return;
  shared_[{&mapping, end - 1}] =
      expected(mapping, end - 1) & ((std::uint64_t{1} << within * 8) - 1);
}

void forget(StampMap& own, VirtRange range) {
  own.erase(own.lower_bound(page_of(range.start)),
            own.lower_bound(page_of(range.end.align_up(kPageSize))));
}

void move(StampMap& own, VirtRange range, VirtAddr to) {
  StampMap moved;
  for (auto page = own.lower_bound(page_of(range.start));
       page != own.end() && page->first < page_of(range.end.align_up(kPageSize)); ++page)
    moved[page->first - page_of(range.start) + page_of(to)] = page->second;
  forget(own, range);
  forget(own, {to, to + range.length()});
  own.merge(moved);
}

StampMap forked(const StampMap& own, const Mm& child) {
  StampMap kept;
  for (const auto& [page, stamp] : own) {
    const Vma* const vma = child.vmas.at(VirtAddr{page << kPageShift});
    if (vma != nullptr && !vma->has(VmFlags::kWipeOnFork))
      kept.emplace_hint(kept.end(), page, stamp);
  }
  return kept;
}

}  // namespace quire
