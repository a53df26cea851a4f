// The recordings that the tests go through, and the differences that are known.
#pragma once

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace quire::oracle {

inline const std::filesystem::path kRecordings = QUIRE_TESTS_DIR "/oracle";

// The entries of a folder of recordings that `wanted` picks, sorted.
template <class Wanted>
std::vector<std::filesystem::path> recordings_in(const char* folder, Wanted wanted) {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kRecordings / folder))
    if (wanted(entry.path())) paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

// "numa2-unequal", "48_reach_high_direct": a recording's name without folders and endings.
inline std::string name_of_recording(const std::filesystem::path& path) {
  const std::string name = path.filename().string();
  return name.substr(0, name.find('.'));
}

// The same as a test may be called.
inline std::string test_name_of(const std::filesystem::path& path) {
  std::string name = name_of_recording(path);
  std::ranges::replace_if(name, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return name;
}

// What tests/oracle/known_differences.txt has for a recording.
inline std::vector<std::string> known_differences(const std::string& recording) {
  std::ifstream file(kRecordings / "known_differences.txt");
  std::vector<std::string> known;
  for (std::string line; std::getline(file, line);) {
    const std::string head = recording + " | ";
    if (line.starts_with(head)) known.push_back(line.substr(head.size()));
  }
  return known;
}

}  // namespace quire::oracle
