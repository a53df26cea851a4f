// The kinds of zone, and which of them an architecture has.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/base.hpp"

namespace quire {

// In order of scarcity: a request that may use one zone may use every zone before it.
enum class ZoneType : std::uint8_t { kDma, kDma32, kNormal, kHighMem, kMovable, kDevice };
inline constexpr unsigned kZoneTypes = 6;
constexpr unsigned index_of(ZoneType type) { return static_cast<unsigned>(type); }

// As /proc/zoneinfo spells it.
constexpr std::string_view name_of(ZoneType type) {
  constexpr std::array<std::string_view, kZoneTypes> kNames = {"DMA",     "DMA32",   "Normal",
                                                               "HighMem", "Movable", "Device"};
  return kNames[index_of(type)];
}

enum class ArchProfile : std::uint8_t { kX86_64, kX86_64La57, kX86_32 };

inline constexpr std::array<ZoneType, 5> kZonesOf64Bit = {
    ZoneType::kDma, ZoneType::kDma32, ZoneType::kNormal, ZoneType::kMovable, ZoneType::kDevice};
inline constexpr std::array<ZoneType, 4> kZonesOf32Bit = {
    ZoneType::kDma, ZoneType::kNormal, ZoneType::kHighMem, ZoneType::kMovable};

// The zones that a kernel of this architecture is built with, in order. Their count is Linux's
// MAX_NR_ZONES: the length of every `protection` row and of lowmem_reserve_ratio.
constexpr std::span<const ZoneType> zones_of(ArchProfile arch) {
  if (arch == ArchProfile::kX86_32) return kZonesOf32Bit;
  return kZonesOf64Bit;
}

}  // namespace quire
