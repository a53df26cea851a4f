#include "engine/stamps.hpp"

#include <algorithm>

#include "engine/files.hpp"
#include "hosts/sim/random.hpp"

namespace quire {
namespace {

std::uint64_t page_of(VirtAddr at) { return at.raw() >> kPageShift; }

bool ends_in_stamp(const SharedStamps::FilePage& page) {
  return page.mapping.size().raw() < page.index * kPageSize.raw() + sizeof(std::uint64_t);
}

}  // namespace

std::uint64_t SharedStamps::write(const Place& place) {
  if (!place.vma.has(VmFlags::kShared)) return write_private(place);
  const FilePage page{place.vma.file->mapping(), place.vma.index_of(place.at)};
  const auto calls = under_way_.find(&page.mapping);
  if (calls != under_way_.end()) calls->second.overlapped = true;
  const std::uint64_t stamp = write(page);
  if (ends_in_stamp(page)) lose(page);
  return stamp;
}

std::uint64_t SharedStamps::write_private(const Place& place) {
  const std::uint64_t stamp = Random(++last_).next();
  Stamp& own = place.own[page_of(place.at)] = stamp;
  if (place.vma.file == nullptr) return stamp;
  const auto calls = under_way_.find(&place.vma.file->mapping());
  if (calls == under_way_.end() || place.vma.index_of(place.at) < calls->second.cut_from)
    return stamp;
  calls->second.overlapped = true;
  own.reset();
  return stamp;
}

SharedStamps::Answer SharedStamps::ask(const Place& place, std::uint64_t found) {
  if (!place.vma.has(VmFlags::kShared)) {
    const auto own = place.own.find(page_of(place.at));
    if (own != place.own.end()) {
      const std::uint64_t wanted = own->second.value_or(found);
      return {found == wanted, wanted};
    }
  }
  if (place.vma.file == nullptr) return {found == 0, 0};
  const FilePage page{place.vma.file->mapping(), place.vma.index_of(place.at)};
  if (ends_in_stamp(page)) return {true, found};
  return ask(page, found);
}

std::uint64_t SharedStamps::write(const FilePage& page) {
  const std::uint64_t stamp = Random(++last_).next();
  add(page, stamp);
  return stamp;
}

SharedStamps::Answer SharedStamps::ask(const FilePage& page, std::uint64_t found) {
  const auto shared = shared_.find({&page.mapping, page.index});
  if (shared == shared_.end()) {
    const std::uint64_t wanted = first(page);
    return {found == wanted, wanted};
  }
  std::vector<Stamp>& candidates = shared->second;
  const bool right = std::ranges::any_of(
      candidates, [found](const Stamp& stamp) { return stamp.value_or(found) == found; });
  const std::uint64_t wanted = candidates.back().value_or(found);
  if (right && !under_way_.contains(&page.mapping)) candidates = {found};
  return {right, wanted};
}

// What it holds that nobody has written.
std::uint64_t SharedStamps::first(const FilePage& page) {
  if (page.mapping.is_shmem()) return 0;
  return static_cast<StoredFile*>(page.mapping.file())->first_stamp(page.index);
}

void SharedStamps::add(const FilePage& page, Stamp stamp) {
  std::vector<Stamp>& candidates = shared_[{&page.mapping, page.index}];
  const auto calls = under_way_.find(&page.mapping);
  if (calls == under_way_.end()) {
    candidates.clear();
  } else {
    calls->second.changed.push_back(page.index);
    if (candidates.empty()) candidates.push_back(first(page));
    if (candidates.size() == kMost) candidates = {std::nullopt};
  }
  candidates.push_back(stamp);
}

void SharedStamps::begin(Mapping& mapping) {
  UnderWay& calls = under_way_[&mapping];
  if (calls.calls++ != 0) calls.overlapped = true;
}

void SharedStamps::end(Mapping& mapping) {
  const auto calls = under_way_.find(&mapping);
  if (--calls->second.calls != 0) return;
  if (!calls->second.overlapped) {
    for (const std::uint64_t index : calls->second.changed) {
      std::vector<Stamp>& candidates = shared_[{&mapping, index}];
      candidates = {candidates.back()};
    }
  }
  under_way_.erase(calls);
}

void SharedStamps::forget(Mapping& mapping) {
  shared_.erase(shared_.lower_bound({&mapping, 0}),
                shared_.upper_bound({&mapping, kNothing}));
}

void SharedStamps::cut(Mapping& mapping, Bytes size) {
  const std::uint64_t end = pages_to_hold(size).raw();
  std::uint64_t& cut_from = under_way_.at(&mapping).cut_from;
  cut_from = min_of(cut_from, end);
  const std::uint64_t within = size.raw() & (kPageSize.raw() - 1);
  if (within != 0 && within < sizeof(std::uint64_t)) lose({mapping, end - 1});
  for (std::uint64_t index = end; index < pages_to_hold(mapping.size()).raw(); ++index)
    add({mapping, index}, 0);
  // And what calls write that are under way, and make it longer.
  const std::uint64_t behind = max_of(end, pages_to_hold(mapping.size()).raw());
  for (auto page = shared_.lower_bound({&mapping, behind});
       page != shared_.end() && page->first.first == &mapping; ++page)
    add({mapping, page->first.second}, 0);
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
