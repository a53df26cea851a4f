// What a comparison with Linux has found so far: how much agrees, and the differences in words.
//
// Cost  The first kMaxKept differences are kept, the rest is counted.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace quire::oracle {

class Comparison {
 public:
  static constexpr std::size_t kMaxKept = 1000;

  // What the differences found from now on are of: "after step01-min_free_4096: ".
  void set_context(std::string words) { context_ = std::move(words); }

  void agree() { ++agreed_; }
  void differ(const std::string& words);
  // The values of a thing in Linux and here, as text: "MemTotal is 10 in Linux, 12 here".
  void compare(const std::string& what, const std::string& linux, const std::string& here);
  // Whether something is so that must be.
  void expect(bool so, const std::string& words);

  [[nodiscard]] bool all_agree() const { return differed_ == 0; }
  [[nodiscard]] std::size_t agreed() const { return agreed_; }
  [[nodiscard]] std::size_t differed() const { return differed_; }
  [[nodiscard]] const std::vector<std::string>& differences() const { return differences_; }

  // The first `most` differences, a line each, and a last line with the totals.
  [[nodiscard]] std::string text(std::size_t most) const;

 private:
  std::string context_;
  std::size_t agreed_ = 0;
  std::size_t differed_ = 0;
  std::vector<std::string> differences_;
};

}  // namespace quire::oracle
