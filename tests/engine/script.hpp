// Programs that tests write down, and a machine that runs them.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "engine/engine.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {

// Does what each step says, given the answer to the one before; then ends.
class Script final : public Program {
 public:
  using Step = std::function<Action(const Reply&)>;
  explicit Script(std::vector<Step> steps) : steps_(std::move(steps)) {}

  Action next(const Reply& last) override {
    if (at_ == steps_.size()) return End{};
    return steps_[at_++](last);
  }

 private:
  const std::vector<Step> steps_;
  std::size_t at_ = 0;
};

class EngineMachine : public TestMachine {
 public:
  explicit EngineMachine(const EngineOptions& options = {}, Shape shape = default_shape(),
                         std::uint64_t seed = 0)
      : TestMachine(with_caches(std::move(shape), options.verify), {.seed = seed}),
        floor(**machine.processes()),
        engine({host, machine, floor}, options) {}

  static Shape default_shape() { return Shape::one_zone({.size_mib = 64}); }

  RunEnd run(std::unique_ptr<Program> program) {
    EXPECT_TRUE(engine.start("program", std::move(program)).has_value());
    return engine.run();
  }
  RunEnd run(std::vector<Script::Step> steps) {
    return run(std::make_unique<Script>(std::move(steps)));
  }
  [[nodiscard]] std::uint64_t faults(FaultKind kind) const {
    return engine.faults()[index_of(kind)];
  }
  [[nodiscard]] bool logged(std::string_view words) const {
    for (const std::string& line : host.log_lines())
      if (line.find(words) != std::string::npos) return true;
    return false;
  }

  ProcessFloor& floor;
  Engine engine;

 private:
  static Shape with_caches(Shape shape, bool content) {
    shape.tlb.modelled = true;
    shape.profile.frame_content = content;
    return shape;
  }
};

// Memory of a script, by pages.
struct Pages {
  VirtAddr base;
  std::vector<PageAccess> accesses;

  static Script::Step map(std::uint64_t pages) {
    return [=](const Reply&) { return MapMemory{.length = size_of(PageCount{pages})}; };
  }
  static Script::Step map_file(std::uint64_t pages, int file) {
    return [=](const Reply&) {
      return MapMemory{.length = size_of(PageCount{pages}), .flags = map::kPrivate, .file = file};
    };
  }
  // Begins with the address that map() came to.
  Script::Step mapped_then(Script::Step step) {
    return [this, step](const Reply& at) {
      EXPECT_TRUE(at.has_value());
      base = VirtAddr{at.value_or(0)};
      return step(at);
    };
  }
  Script::Step touch(std::uint64_t pages, PageAccess::Kind kind, std::uint64_t from = 0) {
    return [=, this](const Reply&) {
      accesses.clear();
      for (std::uint64_t page = from; page < from + pages; ++page)
        accesses.emplace_back(base + size_of(PageCount{page}), kind);
      return Touch{accesses};
    };
  }
};

}  // namespace quire
