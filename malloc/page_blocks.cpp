#include "malloc/page_blocks.hpp"

namespace quire::preload {
namespace {

// Nobody reclaims in this machine: there is nothing to wait for, and nothing to report.
constexpr Gfp kPages = Gfp::kKernel | Gfp::kNoWarn | Gfp::kNoRetry;

}  // namespace

std::size_t PageBlocks::footprint(std::size_t size) {
  const std::uint64_t pages = pages_to_hold(Bytes{size}).raw();
  const unsigned bits = fls(pages - 1);
  const std::uint64_t step = bits <= 4 ? 1 : std::uint64_t{1} << (bits - 4);
  return (pages + step - 1) / step * step << kPageShift;
}

void* PageBlocks::allocate(std::size_t size, Alignment align) {
  const auto pages = static_cast<std::uint32_t>(footprint(size) >> kPageShift);
  const std::uint64_t aligned = max_of<std::uint64_t>(pages, align.bytes >> kPageShift);
  const Order order{fls(aligned - 1)};
  Page* const first = pages_.allocate(kPages, order, NodeId{0});
  if (first == nullptr) return nullptr;
  const std::uint32_t at = raw(array_.index_of(*first));
  const std::uint32_t zone_bits = first->word.zone_bits();
  for (std::uint32_t done = 0; done != pages;) {
    const Order piece{fls(pages - done) - 1};
    make_piece(at + done, piece, zone_bits);
    done += static_cast<std::uint32_t>(piece.pages().raw());
  }
  for (auto rest = pages; rest != order.pages().raw();) {
    const Order piece{ffs0(rest)};
    make_piece(at + rest, piece, zone_bits);
    pages_.free(array_.at(at + rest), piece);
    rest += static_cast<std::uint32_t>(piece.pages().raw());
  }
  first->mapping = tag_;
  first->index_low = pages;
  return pages_.map().frames().content(PageIndex{at});
}

// As if it had been allocated by itself.
void PageBlocks::make_piece(std::uint32_t index, Order order, std::uint32_t zone_bits) const {
  Page& page = array_.at(index);
  page.references = 1;
  page.mapping = 0;
  page.set_word(PageWord(zone_bits, order, PageKind::kInUse));
}

void PageBlocks::free(Page& first) {
  const std::uint32_t at = raw(array_.index_of(first));
  const std::uint32_t pages = first.index_low;
  first.mapping = 0;
  first.index_low = 0;
  for (std::uint32_t done = 0; done != pages;) {
    const Order piece{fls(pages - done) - 1};
    const auto step = static_cast<std::uint32_t>(piece.pages().raw());
    pages_.free(array_.at(at + done), piece);
    done += step;
  }
}

}  // namespace quire::preload
