#include <optional>

#include "boot/firmware_map.hpp"

namespace quire {
namespace {

// Everything from `start` on, as the boot log shows it.
PhysRange above(std::uint64_t start) { return {PhysAddr{start}, PhysAddr{~std::uint64_t{0}}}; }

std::optional<FirmwareType> type_of_mark(char mark) {
  switch (mark) {
    case '@':
      return FirmwareType::kUsable;
    case '#':
      return FirmwareType::kAcpiData;
    case '$':
      return FirmwareType::kReserved;
    case '!':
      return kLegacyPersistent;
    default:
      return std::nullopt;
  }
}

// The word up to the next comma, which is taken off `list`.
std::string_view take_word(std::string_view& list) {
  const std::size_t comma = list.find(',');
  const std::string_view word{list.data(), min_of(comma, list.size())};
  list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
  return word;
}

// mem=nn: no RAM from there on.
Result<bool> apply_mem(FirmwareMap& map, std::string_view value, Host& host) {
  const std::uint64_t size = parse_size(value);
  if (size == 0) return false;
  QUIRE_TRY(map.remove(above(size), FirmwareType::kUsable, host));
  return true;
}

// One word of memmap=: nn@start, nn#start, nn$start, nn!start, exactmap, or nn as mem=nn.
Result<bool> apply_memmap(FirmwareMap& map, std::string_view word, Host& host) {
  if (word == "exactmap") {
    map.clear();
    return true;
  }
  std::string_view rest = word;
  const std::uint64_t size = parse_size(rest);
  if (rest.size() == word.size()) return false;
  if (rest.empty()) return apply_mem(map, word, host);
  const std::optional<FirmwareType> type = type_of_mark(rest.front());
  if (!type) return false;
  rest.remove_prefix(1);
  const std::uint64_t start = parse_size(rest);
  const std::uint64_t room = ~std::uint64_t{0} - start;
  QUIRE_TRY(map.add({{PhysAddr{start}, PhysAddr{start + min_of(size, room)}}, *type}));
  return true;
}

}  // namespace

Result<bool> apply_user_map(FirmwareMap& map, const CommandLine& options, Host& host) {
  bool any = false;
  Result<void> outcome;
  const auto note = [&](Result<bool> applied) {
    if (applied.has_value())
      any |= *applied;
    else
      outcome = applied.error();
  };
  options.for_each([&](const CommandLine::Option& option) {
    if (same_option(option.name, "mem")) note(apply_mem(map, option.value, host));
    std::string_view list = option.value;
    while (same_option(option.name, "memmap") && !list.empty())
      note(apply_memmap(map, take_word(list), host));
  });
  QUIRE_TRY(outcome);
  if (any) QUIRE_TRY(map.sanitise());
  return any;
}

}  // namespace quire
