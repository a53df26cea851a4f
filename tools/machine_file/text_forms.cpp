#include "tools/machine_file/text_forms.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "tools/machine_file/machine_file.hpp"

namespace quire::machine_file {
namespace {

constexpr std::string_view kBlanks = " \t\r\n";
constexpr std::string_view kSuffixes = "KMGT";

std::size_t edit_distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t replaced = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (const std::string_view part = trim(text.substr(0, end)); !part.empty()) {
      parts.push_back(part);
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

std::optional<std::uint64_t> parse_digits(std::string_view text, Base base) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value, static_cast<int>(base));
  if (text.empty() || error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) {
    return parse_digits(text.substr(2), Base::kHexadecimal);
  }
  return parse_digits(text, Base::kDecimal);
}

std::optional<Bytes> parse_size(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty()) {
    const char last = text.back() >= 'a' ? static_cast<char>(text.back() - 'a' + 'A') : text.back();
    const std::size_t suffix = kSuffixes.find(last);
    if (suffix != std::string_view::npos) {
      shift = static_cast<unsigned>(suffix + 1) * 10;
      text.remove_suffix(1);
    }
  }
  const auto number = parse_number(text);
  if (!number || (*number << shift) >> shift != *number) return std::nullopt;
  return Bytes{*number << shift};
}

std::optional<PhysRange> parse_hex_range(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  auto hex = [](std::string_view word) {
    if (word.starts_with("0x")) word.remove_prefix(2);
    return parse_digits(word, Base::kHexadecimal);
  };
  const auto first = hex(trim(text.substr(0, dash)));
  const auto last = hex(trim(text.substr(dash + 1)));
  if (!first || !last || *last < *first || *last + 1 == 0) return std::nullopt;
  return PhysRange{PhysAddr{*first}, PhysAddr{*last + 1}};
}

std::optional<std::vector<CpuId>> parse_cpu_list(std::string_view text) {
  std::vector<CpuId> cpus;
  for (const std::string_view part : split(text, ',')) {
    const std::size_t dash = part.find('-');
    const auto first = parse_digits(trim(part.substr(0, dash)), Base::kDecimal);
    const auto last = dash == std::string_view::npos
                          ? first
                          : parse_digits(trim(part.substr(dash + 1)), Base::kDecimal);
    if (!first || !last || *last < *first || *last >= kMaxCpus) return std::nullopt;
    if (cpus.size() + (*last - *first) >= kMaxCpus) return std::nullopt;
    for (auto cpu = *first; cpu <= *last; ++cpu) cpus.push_back(static_cast<CpuId>(cpu));
  }
  return cpus;
}

std::string format_size(Bytes size) {
  std::uint64_t number = size.raw();
  std::size_t suffix = 0;
  while (suffix < kSuffixes.size() && number != 0 && number % 1024 == 0) {
    number /= 1024;
    ++suffix;
  }
  return fmt::format("{}{}", number, suffix == 0 ? "" : kSuffixes.substr(suffix - 1, 1));
}

std::string format_cpu_list(std::span<const CpuId> cpus) {
  std::string list;
  for (std::size_t i = 0; i < cpus.size();) {
    std::size_t last = i;
    while (last + 1 < cpus.size() && index_of(cpus[last + 1]) == index_of(cpus[last]) + 1) ++last;
    if (!list.empty()) list += ',';
    list += std::to_string(index_of(cpus[i]));
    if (last != i) list += fmt::format("-{}", index_of(cpus[last]));
    i = last + 1;
  }
  return list;
}

std::string format_range(PhysRange range) {
  return fmt::format("{:#x}-{:#x}", range.start.raw(), range.end.raw() - 1);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(word.size() / 2, 1) + 1;
  if (word.size() > 64) return best;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best;
}

}  // namespace quire::machine_file
