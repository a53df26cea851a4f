// Texts out of files and out of a machine, and what stands in them.
#pragma once

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "base/base.hpp"

namespace quire::test {

class StringSink final : public TextSink {
 public:
  void write(std::string_view piece) override { text += piece; }
  std::string text;
};

inline std::string file_text(const std::filesystem::path& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

inline std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

inline std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  std::istringstream in(line);
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

// "name value" rows, in which a name may end in a colon.
using Numbers = std::map<std::string, std::uint64_t>;
inline Numbers numbers_of(const std::string& text) {
  Numbers numbers;
  for (const std::string& line : lines_of(text)) {
    const auto words = words_of(line);
    if (words.size() >= 2) numbers[words[0]] = std::stoull(words[1]);
  }
  return numbers;
}

inline std::string without(std::string word, std::string_view drop) {
  std::erase_if(word, [&](char c) { return drop.find(c) != std::string_view::npos; });
  return word;
}

}  // namespace quire::test
