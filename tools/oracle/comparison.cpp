#include "tools/oracle/comparison.hpp"

#include <fmt/format.h>

namespace quire::oracle {

void Comparison::differ(const std::string& words) {
  ++differed_;
  if (differences_.size() < kMaxKept) differences_.push_back(context_ + words);
}

void Comparison::compare(const std::string& what, const std::string& linux,
                         const std::string& here) {
  if (linux == here) return agree();
  const auto shown = [](const std::string& value) { return value.empty() ? "empty" : value; };
  differ(fmt::format("{} is {} in Linux, {} here", what, shown(linux), shown(here)));
}

void Comparison::expect(bool so, const std::string& words) {
  if (so) return agree();
  differ(words);
}

std::string Comparison::text(std::size_t most) const {
  std::string out;
  for (std::size_t i = 0; i < differences_.size() && i < most; ++i) out += differences_[i] + "\n";
  if (all_agree()) return fmt::format("{} fields agree\n", agreed_);
  if (differed_ > most) out += fmt::format("... and {} more differences\n", differed_ - most);
  return out + fmt::format("{} fields agree, {} differ\n", agreed_, differed_);
}

}  // namespace quire::oracle
