// The small notations of machine files and of Linux's own files: sizes, addresses, CPU lists.
//
// Errors  nullopt for whatever is not wholly in the notation, or does not fit its type.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.hpp"

namespace quire::machine_file {

enum class Base : std::uint8_t { kDecimal = 10, kHexadecimal = 16 };

std::string_view trim(std::string_view text);
// The parts between separators, trimmed; empty ones are left out.
std::vector<std::string_view> split(std::string_view text, char separator);

// Digits only, no sign, no "0x".
std::optional<std::uint64_t> parse_digits(std::string_view text, Base base);
// "4096" or "0x1000".
std::optional<std::uint64_t> parse_number(std::string_view text);
// "4096", "0x1000", or a number and K, M, G or T for 2^10, 2^20, 2^30, 2^40.
std::optional<Bytes> parse_size(std::string_view text);
// "0x1000-0x1fff" with or without 0x, last byte included; the start is not after the end.
std::optional<PhysRange> parse_hex_range(std::string_view text);
// "0-3,8", as in cpulist files; "" is no CPU. In the order written, repetitions kept.
std::optional<std::vector<CpuId>> parse_cpu_list(std::string_view text);

// The largest suffix that leaves a whole number: "1536M".
std::string format_size(Bytes size);
// `cpus` ascends.
std::string format_cpu_list(std::span<const CpuId> cpus);
// "[mem 0x...-0x...]" without the words: "0x1000-0x1fff".
std::string format_range(PhysRange range);

// The candidate closest to `word`, or "" when none is close enough to be meant.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace quire::machine_file
