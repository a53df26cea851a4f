#include "slab/slub_debug.hpp"

#include <optional>

namespace quire {
namespace {

constexpr SlabFlags kEverything = SlabFlags::kConsistencyChecks | SlabFlags::kRedZone |
                                  SlabFlags::kPoison | SlabFlags::kStoreUser;

constexpr struct {
  char letter;
  SlabFlags flag;
} kLetters[] = {{'f', SlabFlags::kConsistencyChecks}, {'z', SlabFlags::kRedZone},
                {'p', SlabFlags::kPoison},            {'u', SlabFlags::kStoreUser},
                {'t', SlabFlags::kTrace},             {'a', SlabFlags::kFailSlab}};

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// What is before the first `mark`; `text` goes on behind it.
std::string_view take_to(std::string_view& text, char mark) {
  const std::size_t end = text.find(mark);
  const std::string_view piece(text.data(), min_of(end, text.size()));
  text.remove_prefix(min_of(piece.size() + 1, text.size()));
  return piece;
}

struct Block {
  SlabFlags flags = SlabFlags::kNone;
  bool forbids_growth = false;
  bool lists_caches = false;
  std::string_view caches;
};

Block read_block(std::string_view text, Host* complain_to) {
  Block block;
  block.lists_caches = text.find(',') != std::string_view::npos;
  const std::string_view letters = take_to(text, ',');
  block.caches = text;
  if (letters.empty()) block.flags = kEverything;
  for (const char c : letters) {
    const char letter = lower(c);
    if (letter == '-') {
      block.flags = SlabFlags::kNone;
      continue;
    }
    if (letter == 'o') {
      block.forbids_growth = true;
      continue;
    }
    bool known = false;
    for (const auto& row : kLetters) {
      if (row.letter != letter) continue;
      block.flags |= row.flag;
      known = true;
    }
    if (!known && complain_to != nullptr)
      LogLine(*complain_to)->str("slub_debug option '").ch(c).str("' unknown. skipped");
  }
  return block;
}

// Calls visit(block) for each block, until one says that it is enough.
template <class Visit>
void for_each_block(std::string_view text, Visit visit) {
  while (!text.empty()) {
    const std::string_view piece = take_to(text, ';');
    if (!piece.empty() && visit(piece)) return;
  }
}

// "kmalloc-*" matches by what is before the asterisk.
bool matches(std::string_view pattern, std::string_view name) {
  const std::size_t asterisk = pattern.find('*');
  if (asterisk == std::string_view::npos) return pattern == name;
  return name.starts_with(std::string_view(pattern.data(), asterisk));
}

bool lists(std::string_view caches, std::string_view name) {
  while (!caches.empty())
    if (matches(take_to(caches, ','), name)) return true;
  return false;
}

std::optional<std::uint32_t> number_of(const CommandLine& line, std::string_view name) {
  const auto text = line.find(name);
  if (!text.has_value()) return std::nullopt;
  std::string_view rest = *text;
  const std::uint64_t number = parse_size(rest);
  return static_cast<std::uint32_t>(number);
}

Order order_of(std::uint32_t number) { return Order{min_of(number, std::uint32_t{Order::kMax})}; }

}  // namespace

SlubDebugOption::SlubDebugOption(const CommandLine& line, Host& host) {
  const auto text = line.find("slub_debug");
  if (!text.has_value()) return;
  if (text->empty()) {
    global_ = kEverything;
    return;
  }
  for_each_block(*text, [&](std::string_view piece) {
    const Block block = read_block(piece, &host);
    if (block.forbids_growth) may_grow_ = false;
    if (block.lists_caches)
      blocks_ = *text;
    else
      global_ = block.flags;
    return false;
  });
}

SlabFlags SlubDebugOption::flags_for(std::string_view name, SlabFlags flags) const {
  if (any(flags & SlabFlags::kNoUserFlags)) return flags;
  std::optional<SlabFlags> named;
  for_each_block(blocks_, [&](std::string_view piece) {
    const Block block = read_block(piece, nullptr);
    if (block.lists_caches && lists(block.caches, name)) named = block.flags;
    return named.has_value();
  });
  if (named.has_value()) return flags | *named;
  SlabFlags global = global_;
  // What kmemleak itself allocates must not record who did.
  if (any(flags & SlabFlags::kNoLeakTrace)) global &= ~SlabFlags::kStoreUser;
  return flags | global;
}

SlabSizing slab_sizing(const CommandLine& line, std::uint32_t cpus) {
  SlabSizing sizing;
  sizing.cpus = cpus;
  if (const auto objects = number_of(line, "slub_min_objects")) sizing.min_objects = *objects;
  if (const auto order = number_of(line, "slub_min_order")) sizing.min_order = order_of(*order);
  if (const auto order = number_of(line, "slub_max_order")) sizing.max_order = order_of(*order);
  return sizing;
}

bool slab_merge(const CommandLine& line) {
  return !line.has("slab_nomerge") && !line.has("slub_nomerge");
}

}  // namespace quire
