#include "pagetable/format.hpp"

namespace quire {
namespace {

// An entry that names a table allows everything: what the leaf forbids is forbidden.
constexpr std::uint64_t kTable = Entry::kPresent | raw(Prot::kWrite) | raw(Prot::kUser) |
                                 raw(Prot::kAccessed) | raw(Prot::kDirty);
constexpr std::uint64_t kFrameBits = 0x000f'ffff'ffff'f000;
constexpr std::uint64_t kNoExecuteBit = std::uint64_t{1} << 63;
constexpr SwapFormat kWideSwap{59, 9, 50, true};
constexpr LevelFormat kWidePte{12, 9, true, 0};
constexpr LevelFormat kWidePmd{21, 9, true, kTable};

}  // namespace

constinit const PagingFormat kFourLevels{
    .name = "4-level",
    .levels = 4,
    .entry_bytes = 8,
    .address_bits = 48,
    .frame_bits = kFrameBits,
    .no_execute = kNoExecuteBit,
    .swap = kWideSwap,
    .level = {kWidePte, kWidePmd, LevelFormat{30, 9, true, kTable},
              LevelFormat{39, 9, false, kTable}, LevelFormat{}}};

constinit const PagingFormat kFiveLevels{
    .name = "5-level",
    .levels = 5,
    .entry_bytes = 8,
    .address_bits = 57,
    .frame_bits = kFrameBits,
    .no_execute = kNoExecuteBit,
    .swap = kWideSwap,
    .level = {kWidePte, kWidePmd, LevelFormat{30, 9, true, kTable},
              LevelFormat{39, 9, false, kTable}, LevelFormat{48, 9, false, kTable}}};

// The four entries of the root may have no bit set but this one and the address.
constinit const PagingFormat kThreeLevels{
    .name = "PAE",
    .levels = 3,
    .entry_bytes = 8,
    .address_bits = 32,
    .frame_bits = kFrameBits,
    .no_execute = kNoExecuteBit,
    .swap = kWideSwap,
    .level = {kWidePte, kWidePmd, LevelFormat{30, 2, false, Entry::kPresent}, LevelFormat{},
              LevelFormat{}}};

constinit const PagingFormat kTwoLevels{
    .name = "2-level",
    .levels = 2,
    .entry_bytes = 4,
    .address_bits = 32,
    .frame_bits = 0xffff'f000,
    .no_execute = 0,
    .swap = {1, 9, 23, false},
    .level = {LevelFormat{12, 10, true, 0}, LevelFormat{22, 10, true, kTable}, LevelFormat{},
              LevelFormat{}, LevelFormat{}}};

}  // namespace quire
