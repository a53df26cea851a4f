#include "boot/command_line.hpp"

namespace quire {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n'; }

char folded(char c) { return c == '-' ? '_' : c; }

// The value of a digit in any base up to 16; 16 for what is none.
unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : 16;
}

std::uint64_t parse_number(std::string_view& text) {
  unsigned base = 10;
  if (text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == 'x' && digit_of(text[2]) < 16) {
    base = 16;
    text.remove_prefix(2);
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  while (!text.empty() && digit_of(text.front()) < base) {
    value = value * base + digit_of(text.front());
    text.remove_prefix(1);
  }
  return value;
}

unsigned shift_of_suffix(char c) {
  constexpr std::string_view kSuffixes = "kmgtpe";
  const std::size_t at = kSuffixes.find(static_cast<char>(c | 0x20));
  return at == std::string_view::npos ? 0 : static_cast<unsigned>(at + 1) * 10;
}

std::string_view unquoted(std::string_view word) {
  if (!word.empty() && word.front() == '"') word.remove_prefix(1);
  if (!word.empty() && word.back() == '"') word.remove_suffix(1);
  return word;
}

CoreAmount parse_core(std::string_view value) {
  if (value == "mirror") return {CoreAmount::Kind::kMirror, 0};
  const std::string_view before = value;
  const std::uint64_t number = parse_number(value);
  if (value.size() == before.size()) return {};
  if (!value.empty() && value.front() == '%') return {CoreAmount::Kind::kPercent, number};
  std::string_view again = before;
  const PageCount pages = whole_pages(Bytes{parse_size(again)});
  return pages ? CoreAmount{CoreAmount::Kind::kPages, pages.raw()} : CoreAmount{};
}

}  // namespace

std::uint64_t parse_size(std::string_view& text) {
  const std::size_t before = text.size();
  const std::uint64_t value = parse_number(text);
  if (text.size() == before || text.empty()) return value;
  const unsigned shift = shift_of_suffix(text.front());
  if (shift != 0) text.remove_prefix(1);
  return value << shift;
}

bool same_option(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (folded(a[i]) != folded(b[i])) return false;
  return true;
}

PageCount CoreAmount::pages_of(PageCount total) const {
  if (kind == Kind::kPages) return PageCount{value};
  if (kind != Kind::kPercent) return PageCount{0};
  return PageCount{
      mult_frac(total.raw(), static_cast<std::uint32_t>(min_of<std::uint64_t>(value, 100)), 100)};
}

bool CommandLine::next(std::string_view& rest, Option& option) {
  while (!rest.empty() && is_blank(rest.front())) rest.remove_prefix(1);
  std::size_t length = 0;
  bool quoted = false;
  while (length < rest.size() && (quoted || !is_blank(rest[length]))) {
    if (rest[length] == '"') quoted = !quoted;
    ++length;
  }
  std::string_view word{rest.data(), length};
  rest.remove_prefix(length);
  if (word.empty() || word == "--") return false;
  if (word.front() == '"') word = unquoted(word);
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    option = {word, {}};
    return true;
  }
  option.name = {word.data(), equals};
  word.remove_prefix(equals + 1);
  option.value = unquoted(word);
  return true;
}

std::optional<std::string_view> CommandLine::find(std::string_view name) const {
  std::optional<std::string_view> found;
  for_each([&](const Option& option) {
    if (same_option(option.name, name)) found = option.value;
  });
  return found;
}

std::string_view CommandLine::value_or(std::string_view name, std::string_view otherwise) const {
  return find(name).value_or(otherwise);
}

CoreAmount CommandLine::kernelcore() const { return parse_core(value_or("kernelcore", "")); }
CoreAmount CommandLine::movablecore() const {
  const CoreAmount amount = parse_core(value_or("movablecore", ""));
  return amount.kind == CoreAmount::Kind::kMirror ? CoreAmount{} : amount;
}

bool CommandLine::memblock_debug() const { return value_or("memblock", "") == "debug"; }
bool CommandLine::numa_off() const { return value_or("numa", "") == "off"; }

}  // namespace quire
