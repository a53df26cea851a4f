// Reports as the running kernel printed them, and ours, with what differs from run to run taken
// out: addresses, places in the code, ages, numbers of processes, taints.
#pragma once

#include <fstream>
#include <regex>
#include <string>
#include <vector>

namespace quire {

using Lines = std::vector<std::string>;

inline std::string comparable(std::string line) {
  static const std::pair<std::regex, const char*> kRules[] = {
      {std::regex(R"(0x\(____ptrval____\)|\(____ptrval____\)|(0x)?[0-9a-f]{16})"), "ADDRESS"},
      {std::regex(R"(@offset=\d+)"), "@offset=N"},
      {std::regex(R"( in .* age=\d+ cpu=\d+ pid=\d+)"), " in CODE"},
      {std::regex(R"(\((Not t|T)ainted.*?\):)"), "(TAINT):"},
      {std::regex(R"(^CPU: .*)"), "CPU"},
      {std::regex(R"(^WARNING: .*)"), "WARNING"},
      {std::regex(R"(when called from .*)"), "when called from CODE"},
      {std::regex(R"(^---\[ end trace .*)"), ""},
  };
  for (const auto& [pattern, with] : kRules) line = std::regex_replace(line, pattern, with);
  return line;
}

// Stack traces and registers are left out.
inline Lines comparable(const Lines& lines) {
  Lines result;
  for (const std::string& line : lines)
    if (!line.starts_with(" ")) result.push_back(comparable(line));
  return result;
}

// Section `number` of tests/oracle/slab/reports.txt.
inline Lines recorded_report(int number) {
  std::ifstream file(QUIRE_TESTS_DIR "/oracle/slab/reports.txt");
  const std::string begin = "#" + std::to_string(number);
  Lines lines;
  std::string line;
  bool inside = false;
  while (std::getline(file, line)) {
    if (line.starts_with("#"))
      inside = line == begin;
    else if (inside)
      lines.push_back(line);
  }
  return lines;
}

}  // namespace quire
