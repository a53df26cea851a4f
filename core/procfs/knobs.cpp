#include "procfs/knobs.hpp"

#include <iterator>

#include "procfs/number_text.hpp"

namespace quire {
namespace {

constexpr std::string_view kEnabledWords[] = {"always", "madvise", "never"};
constexpr std::string_view kDefragWords[] = {"always", "defer", "defer+madvise", "madvise",
                                             "never"};
constexpr std::string_view kShmemWords[] = {"always", "within_size", "advise",
                                            "never",  "deny",        "force"};
constexpr std::string_view kOnlineWords[] = {"offline", "online", "online_kernel",
                                             "online_movable"};
constexpr std::int64_t kDefragMadvise = 3;
constexpr std::int64_t kDefragNever = 4;
constexpr std::int64_t kShmemNever = 3;

// Ages are kept in ticks.
constexpr std::int64_t kTickMs = 4;
constexpr std::int64_t kLongestMs = 0x7fffffff;
constexpr std::int64_t kForeverMs = 0xfffffff8;
// The aging of pages, of page tables' accessed bits, and of those in their upper levels.
constexpr std::uint64_t kAllLruGenParts = 7;

std::span<const std::string_view> words_of(Knob knob) {
  switch (knob) {
    case Knob::kThpEnabled: return kEnabledWords;
    case Knob::kThpDefrag: return kDefragWords;
    case Knob::kThpShmemEnabled: return kShmemWords;
    case Knob::kAutoOnlineBlocks: return kOnlineWords;
    default: return {};
  }
}

void show_choice(std::span<const std::string_view> words, std::int64_t chosen, Text& out) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i != 0) out.ch(' ');
    const bool is_chosen = static_cast<std::int64_t>(i) == chosen;
    if (is_chosen) out.ch('[');
    out.str(words[i]);
    if (is_chosen) out.ch(']');
  }
}

Result<std::int64_t> parse_word(std::span<const std::string_view> words, std::string_view text) {
  for (std::size_t i = 0; i < words.size(); ++i)
    if (is_word(text, words[i])) return static_cast<std::int64_t>(i);
  return Errno::kInvalid;
}

Result<std::int64_t> parse_unsigned_int(std::string_view text) {
  constexpr std::uint64_t kMost = 0xffffffff;
  const Result<std::uint64_t> number = whole_number(text, Radix::kAny);
  if (!number.has_value() || *number > kMost) return Errno::kInvalid;
  return static_cast<std::int64_t>(*number);
}

Result<std::int64_t> parse_lru_gen(std::string_view text) {
  if ((text[0] | 0x20) == 'n') return 0;
  if ((text[0] | 0x20) == 'y') return kAllLruGenParts;
  QUIRE_TRY_ASSIGN(parts, parse_unsigned_int(text));
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(parts) & kAllLruGenParts);
}

}  // namespace

Knobs::Knobs(Sysctls& sysctls) : sysctls_(sysctls) {
  values_[index_of(Knob::kThpShmemEnabled)].set(kShmemNever);
  values_[index_of(Knob::kVmaReadAhead)].set(1);
}

void Knobs::start(const Nodes& nodes, const CommandLine& options) {
  constexpr PageCount kLeastForHugePages = whole_pages(mib(512));
  const bool roomy = nodes.managed_pages() >= kLeastForHugePages.raw();
  auto mode = static_cast<std::int64_t>(roomy ? HugePages::kAlways : HugePages::kNever);
  if (roomy) {
    const auto asked = parse_word(kEnabledWords, options.value_or("transparent_hugepage", ""));
    if (asked.has_value()) mode = *asked;
  }
  values_[index_of(Knob::kThpEnabled)].set(mode);
  values_[index_of(Knob::kThpDefrag)].set(roomy ? kDefragMadvise : kDefragNever);
  values_[index_of(Knob::kThpUseZeroPage)].set(roomy ? 1 : 0);
  // Switched off by the command line, min_free_kbytes is computed anew, by now with watermarks.
  if (roomy) sysctls_.huge_pages_switched(huge_pages() != HugePages::kNever);
}

void Knobs::show(Knob knob, Text& out) const {
  const std::int64_t value = get(knob);
  switch (knob) {
    case Knob::kThpEnabled:
    case Knob::kThpDefrag:
    case Knob::kThpShmemEnabled: show_choice(words_of(knob), value, out); break;
    case Knob::kAutoOnlineBlocks: out.str(kOnlineWords[value]); break;
    case Knob::kLruGenEnabled: out.str("0x").hex(static_cast<std::uint64_t>(value), {4}); break;
    case Knob::kVmaReadAhead: out.str(value != 0 ? "true" : "false"); break;
    default: out.sdec(value);
  }
  out.nl();
}

Result<std::int64_t> Knobs::parse(Knob knob, std::string_view text) {
  switch (knob) {
    case Knob::kThpUseZeroPage: {
      QUIRE_TRY_ASSIGN(number, whole_number(text, Radix::kDecimal));
      if (number > 1) return Errno::kInvalid;
      return static_cast<std::int64_t>(number);
    }
    case Knob::kLruGenEnabled: return parse_lru_gen(text);
    case Knob::kLruGenMinTtlMs: {
      QUIRE_TRY_ASSIGN(ms, parse_unsigned_int(text));
      return ms > kLongestMs ? kForeverMs : (ms + kTickMs - 1) / kTickMs * kTickMs;
    }
    case Knob::kVmaReadAhead: {
      QUIRE_TRY_ASSIGN(on, parse_bool(text));
      return on ? 1 : 0;
    }
    default: return parse_word(words_of(knob), text);
  }
}

Result<std::size_t> Knobs::write(Knob knob, std::string_view text) {
  if (text.empty()) return text.size();
  QUIRE_TRY_ASSIGN(value, parse(knob, text));
  values_[index_of(knob)].set(value);
  if (knob == Knob::kThpEnabled) sysctls_.huge_pages_switched(huge_pages() != HugePages::kNever);
  return text.size();
}

}  // namespace quire
