#include "host/arena.hpp"

namespace quire {
namespace {

constexpr std::uint64_t kLine = 64;
constexpr Bytes kPiece = kib(256);

}  // namespace

Result<std::byte*> Arena::allocate(Bytes size, NodeId node) {
  const Bytes rounded{(size.raw() + kLine - 1) & ~(kLine - 1)};
  if (rounded > kPiece / 2) return host_.reserve_tables(rounded, node);
  if (node != node_ || static_cast<std::uint64_t>(end_ - next_) < rounded.raw()) {
    QUIRE_TRY_ASSIGN(piece, host_.reserve_tables(kPiece, node));
    next_ = piece;
    end_ = piece + kPiece.raw();
    node_ = node;
  }
  std::byte* const memory = next_;
  next_ += rounded.raw();
  return memory;
}

}  // namespace quire
