#include "kmap/permanent_kmap.hpp"

namespace quire {

Result<void> PermanentKmap::init(Arena& arena) {
  QUIRE_TRY_ASSIGN(windows, arena.make_array<Window>(size()));
  const SpinGuard guard(lock_);
  windows_ = windows;
  buckets_.fill(kNone);
  return {};
}

VirtAddr PermanentKmap::map(PageIndex page) {
  QUIRE_ASSERT(Arch::current()->spinlocks_held == 0);  // it may sleep
  for (;;) {
    if (const std::optional<VirtAddr> address = try_map(page)) return *address;
    parts_.host.yield();
  }
}

std::optional<VirtAddr> PermanentKmap::try_map(PageIndex page) {
  const SpinGuard guard(lock_);
  std::uint32_t window = look_up_locked(page);
  if (window == kNone) {
    window = take_free_locked();
    if (window == kNone) return std::nullopt;
    open_locked(window, page);
  }
  ++windows_[window].users;
  return address_of(window);
}

Result<void> PermanentKmap::unmap(PageIndex page) {
  const SpinGuard guard(lock_);
  const std::uint32_t window = look_up_locked(page);
  if (window == kNone || windows_[window].users == 0) return Errno::kInvalid;
  --windows_[window].users;
  return {};
}

std::optional<VirtAddr> PermanentKmap::find(PageIndex page) {
  const SpinGuard guard(lock_);
  const std::uint32_t window = look_up_locked(page);
  if (window == kNone) return std::nullopt;
  return address_of(window);
}

void PermanentKmap::flush_unused() {
  const SpinGuard guard(lock_);
  flush_unused_locked();
}

std::uint32_t PermanentKmap::look_up_locked(PageIndex page) const {
  std::uint32_t window = buckets_.data()[bucket_of(page)];
  while (window != kNone && windows_[window].page != page) window = windows_[window].next;
  return window;
}

// The next clear one after the last, once round; each time round unused ones are cleared.
std::uint32_t PermanentKmap::take_free_locked() {
  for (std::size_t left = windows_.size(); left != 0; --left) {
    last_ = last_ + 1 == windows_.size() ? 0 : last_ + 1;
    if (last_ == 0) {
      flush_unused_locked();
      left = windows_.size();
    }
    if (windows_[last_].page == PageIndex::kNone) return last_;
  }
  return kNone;
}

void PermanentKmap::open_locked(std::uint32_t window, PageIndex page) {
  const EntrySlot entry = parts_.tables.find_slot(address_of(window));
  parts_.tables.store(entry, parts_.tables.format().leaf_entry(
                                 PageLevel::kPte, parts_.map.pfn_of(page), Prot::kKernel));
  std::uint32_t& bucket = buckets_.data()[bucket_of(page)];
  windows_[window] = {page, 0, bucket};
  bucket = window;
}

void PermanentKmap::close_locked(std::uint32_t window) {
  parts_.tables.store(parts_.tables.find_slot(address_of(window)), {});
  std::uint32_t* link = &buckets_.data()[bucket_of(windows_[window].page)];
  while (*link != window) link = &windows_[*link].next;
  *link = windows_[window].next;
  windows_[window] = {};
}

void PermanentKmap::flush_unused_locked() {
  bool any = false;
  for (std::uint32_t window = 0; window < windows_.size(); ++window) {
    const Window& looked_at = windows_[window];
    if (looked_at.page == PageIndex::kNone || looked_at.users != 0) continue;
    close_locked(window);
    any = true;
  }
  if (any) parts_.tables.flush(parts_.range);
}

Result<void> PermanentKmap::audit(Text& report) {
  const SpinGuard guard(lock_);
  const auto broken = [&](std::uint32_t window, std::string_view what) {
    report.str("kmap: window ").dec(window).ch(' ').str(what).nl();
    return Errno::kFault;
  };
  for (std::uint32_t window = 0; window < windows_.size(); ++window) {
    const PageIndex page = windows_[window].page;
    const std::optional<Translation> there = parts_.tables.walk(address_of(window));
    if (there.has_value() != (page != PageIndex::kNone))
      return broken(window, there.has_value() ? "maps a page without being taken"
                                              : "is taken and maps nothing");
    if (page == PageIndex::kNone) continue;
    if (there->frame != parts_.map.pfn_of(page)) return broken(window, "maps another page");
    if (look_up_locked(page) != window) return broken(window, "is not where its page looks");
  }
  return {};
}

}  // namespace quire
