// The file that mappings of the model show: all of it is in memory to begin with.
#pragma once

#include "tests/mm/space_actor.hpp"
#include "tests/process/ram_file.hpp"

namespace quire {

class SpaceFile {
 public:
  explicit SpaceFile(ProcessCalls& calls)
      : disk_(calls, std::string(SpaceSteps::kFilePages << kPageShift, 'f')) {
    object_->of_memory = false;
    object_->there.assign(SpaceSteps::kFilePages, true);
    object_->pages.assign(SpaceSteps::kFilePages, std::string(kPageSize.raw(), 'f'));
    std::string bytes = disk_.bytes;
    EXPECT_TRUE(calls.floor->cache()
                    .read(disk_.file, {Bytes{0}, std::as_writable_bytes(std::span(bytes))})
                    .has_value());
  }
  [[nodiscard]] SpaceActor::Shared shown() { return {&disk_.file, object_}; }

 private:
  RamFile disk_;
  std::shared_ptr<NaiveObject> object_ =
      std::make_shared<NaiveObject>(SpaceSteps::kFilePages, false);
};

}  // namespace quire
