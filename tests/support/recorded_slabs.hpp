// Tables of tests/oracle/slab: what the running kernel showed of its caches.
//
//   slabinfo-cpusN            /proc/slabinfo of a machine with N CPUs
//   sysfs-{plain,debug}-cpusN files of /sys/kernel/slab, a row a cache, the files' names above;
//                             debug: with slub_debug=FZPU. `ctor` is whether there is one.
//   reports.txt               the log, without stack traces, after each kind of error
#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace quire {

// Of one cache: what each file showed, and "name".
using RecordedCache = std::map<std::string, std::string>;

inline std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  return words;
}

inline std::vector<std::string> recorded_lines(const std::string& file) {
  std::ifstream stream(QUIRE_TESTS_DIR "/oracle/slab/" + file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  EXPECT_GT(lines.size(), 150u) << file;
  return lines;
}

inline std::vector<RecordedCache> recorded_sysfs(const std::string& file) {
  const std::vector<std::string> lines = recorded_lines(file);
  const std::vector<std::string> names = words_of(lines.at(0));
  std::vector<RecordedCache> caches;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> values = words_of(lines[i]);
    RecordedCache& cache = caches.emplace_back();
    for (std::size_t column = 0; column < names.size(); ++column)
      cache[names[column]] = values.at(column);
  }
  return caches;
}

}  // namespace quire
