// Pinned pages of a process, for quire/process.hpp: quire/user_pages.h with ownership.
//
//   quire::PinnedPages buffer = process.pin({at, 8192}).value();
//   std::memcpy(buffer.content(0), data, 4096);   // what a device would do
//
// Ownership  The pins end with the object. Borrows the machine.
#pragma once

#include <quire/pages.hpp>
#include <quire/process_types.hpp>
#include <quire/user_pages.h>

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace quire {
inline namespace api {

enum class Pin : std::uint32_t {
  kRead = 0,
  kWrite = QUIRE_FOLL_WRITE,
  kLongterm = QUIRE_FOLL_LONGTERM,
};
constexpr Pin operator|(Pin a, Pin b) {
  return static_cast<Pin>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}

class PinnedPages {
 public:
  // From the first page of `span` on, as many as could be had, at least one.
  static Result<PinnedPages> pin(quire_machine* machine, std::int64_t pid, Span span, Pin how) {
    const quire_user_pages wanted{{static_cast<std::uint64_t>(span.start), span.size},
                                  static_cast<std::uint32_t>(how), 0};
    std::vector<quire_page*> pages((span.size >> QUIRE_PAGE_SHIFT) + 2);
    const std::int64_t had = quire_process_pin_user_pages(machine, pid, &wanted, pages.data());
    if (had < 0) return Error{static_cast<int>(-had), quire_last_error()};
    pages.resize(static_cast<std::size_t>(had));
    const bool written = (wanted.flags & QUIRE_FOLL_WRITE) != 0;
    return PinnedPages(machine, std::move(pages), written);
  }
  ~PinnedPages() {
    if (!pages_.empty())
      quire_unpin_user_pages(machine_, pages_.data(), pages_.size(), written_ ? 1 : 0);
  }
  PinnedPages(PinnedPages&& other) noexcept
      : machine_(other.machine_),
        pages_(std::exchange(other.pages_, {})),
        written_(other.written_) {}
  PinnedPages& operator=(PinnedPages&& other) noexcept {
    std::swap(machine_, other.machine_);
    std::swap(pages_, other.pages_);
    std::swap(written_, other.written_);
    return *this;
  }

  [[nodiscard]] std::size_t size() const { return pages_.size(); }
  [[nodiscard]] quire_page* page(std::size_t number) const { return pages_[number]; }
  // Where its bytes are.
  [[nodiscard]] void* content(std::size_t number) const {
    return quire_page_address(machine_, pages_[number]);
  }

 private:
  PinnedPages(quire_machine* machine, std::vector<quire_page*> pages, bool written)
      : machine_(machine), pages_(std::move(pages)), written_(written) {}

  quire_machine* machine_;
  std::vector<quire_page*> pages_;
  bool written_;
};

}  // namespace api
}  // namespace quire
