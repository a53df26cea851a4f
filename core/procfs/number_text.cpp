#include "procfs/number_text.hpp"

namespace quire {
namespace {

// A longer number is refused, because what follows it was not looked at.
constexpr std::size_t kMostDigits = 20;

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool may_follow_number(std::string_view rest) {
  return rest.empty() || rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n';
}

unsigned digit_value(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  if (lower >= 'a' && lower <= 'f') return static_cast<unsigned>(lower - 'a' + 10);
  return ~0u;
}

// Takes "0x" off when digits follow it, and says by which base to go on.
unsigned take_base(std::string_view& text) {
  if (text.size() < 2 || text[0] != '0') return 10;
  if (text.size() > 2 && (text[1] | 0x20) == 'x' && digit_value(text[2]) < 16) {
    text.remove_prefix(2);
    return 16;
  }
  return 8;
}

Result<std::uint64_t> take_digits(std::string_view& text, unsigned base) {
  std::string_view rest = text;
  std::uint64_t value = 0;
  for (; !rest.empty() && digit_value(rest[0]) < base; rest.remove_prefix(1)) {
    const unsigned digit = digit_value(rest[0]);
    if (value > (~std::uint64_t{0} - digit) / base) return Errno::kRange;
    value = value * base + digit;
  }
  if (rest.size() == text.size()) return Errno::kInvalid;
  text = rest;
  return value;
}

}  // namespace

std::size_t skip_blanks(std::string_view& text) {
  const std::size_t before = text.size();
  while (!text.empty() && is_blank(text[0])) text.remove_prefix(1);
  return before - text.size();
}

Result<SignedNumber> take_number(std::string_view& text) {
  std::string_view rest = text;
  SignedNumber number;
  if (rest.size() > 1 && rest[0] == '-') {
    number.negative = true;
    rest.remove_prefix(1);
  }
  if (rest.empty() || digit_value(rest[0]) > 9) return Errno::kInvalid;
  const unsigned base = take_base(rest);
  const Result<std::uint64_t> magnitude = take_digits(rest, base);
  if (!magnitude.has_value() || text.size() - rest.size() > kMostDigits) return Errno::kInvalid;
  if (!may_follow_number(rest)) return Errno::kInvalid;
  number.magnitude = *magnitude;
  text = rest;
  return number;
}

Result<std::int64_t> as_int(SignedNumber number) {
  constexpr std::uint64_t kIntMax = 0x7fffffff;
  if (number.magnitude > kIntMax + (number.negative ? 1 : 0)) return Errno::kInvalid;
  const auto value = static_cast<std::int64_t>(number.magnitude);
  return number.negative ? -value : value;
}

Result<std::uint64_t> whole_number(std::string_view text, Radix radix) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (!text.empty() && text[0] == '+') text.remove_prefix(1);
  const unsigned base = radix == Radix::kDecimal ? 10 : take_base(text);
  QUIRE_TRY_ASSIGN(value, take_digits(text, base));
  if (!text.empty()) return Errno::kInvalid;
  return value;
}

bool is_word(std::string_view text, std::string_view word) {
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  return text == word;
}

Result<bool> parse_bool(std::string_view text) {
  const char first = static_cast<char>(text[0] | 0x20);
  const char second = text.size() > 1 ? static_cast<char>(text[1] | 0x20) : ' ';
  if (first == 'y' || first == 't' || text[0] == '1') return true;
  if (first == 'n' || first == 'f' || text[0] == '0') return false;
  if (first == 'o' && second == 'n') return true;
  if (first == 'o' && second == 'f') return false;
  return Errno::kInvalid;
}

}  // namespace quire
