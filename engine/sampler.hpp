// Fills a RunRecord while an engine runs: samples at even distances of virtual time, as many as a
// plot can show, and fewer pictures of physical memory.
//
// How        A sample is the first at or after a multiple of a distance, which is short at first
//            and doubles when there are more than kMost. So the record follows from the run alone,
//            however long.
// Ownership  Borrows engine and machine.
// Cost       A sample looks at each zone and living process, a picture at each block of frames that
//            was ever used.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/engine.hpp"
#include "engine/frames.hpp"
#include "engine/run_record.hpp"

namespace quire {

class Sampler final : public RunObserver {
 public:
  static constexpr std::size_t kMost = 512;
  static constexpr std::size_t kMostPictures = 48;
  static constexpr std::size_t kMostBlocks = 32'768;

  Sampler(Engine& engine, Machine& machine);
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  std::uint64_t sample(std::uint64_t now_ns) override;
  // What is known once the run is over; called once, after the last sample.
  RunRecord finish();

 private:
  void take(std::uint64_t now_ns);
  void take_picture(std::uint64_t now_ns);
  void add_processes();
  template <class Visit>
  void for_each_series(Visit visit);

  Engine& engine_;
  Machine& machine_;
  FrameBlocks blocks_;
  RunRecord record_;
  std::uint64_t distance_ns_ = 10'000;
  std::uint64_t picture_distance_ns_ = 10'000;
  std::uint64_t next_picture_ns_ = 0;
};

}  // namespace quire
