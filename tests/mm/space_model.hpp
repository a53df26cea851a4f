// A family of processes and the model of their address spaces, which make the same random steps.
#pragma once

#include "tests/mm/space_actor.hpp"

namespace quire {

class SpaceModel {
 public:
  SpaceModel(ProcessCalls& calls, Process& process, const SpaceSteps& steps)
      : calls_(calls), steps_(steps), parent_(SpaceActor(calls, process, steps.first())) {}

  // What mappings of a file show from now on.
  void use(const SpaceActor::Shared& file) { parent_.use(file); }
  // Others use the address space as well, elsewhere.
  void share() { parent_.share(); }

  SpaceStep step() {
    const SpaceStep step = steps_.next();
    acting_ = step.by_child ? &*child_ : &parent_;
    switch (step.op) {
      case SpaceStep::Op::kFork: child_ = parent_.fork(); break;
      case SpaceStep::Op::kSucceed:
        std::swap(parent_, *child_);
        [[fallthrough]];
      case SpaceStep::Op::kExit: end_child(); break;
      default: acting_->make(step);
    }
    return step;
  }
  // Of who acted last.
  void compare() { acting_->compare(); }
  void compare_all() {
    parent_.compare_all();
    if (child_.has_value()) child_->compare_all();
  }
  // Pages that are promised to all of them.
  [[nodiscard]] std::uint64_t accounted() const {
    std::set<const NaiveObject*> objects;
    std::uint64_t sum = parent_.accounted(objects);
    if (child_.has_value()) sum += child_->accounted(objects);
    for (const NaiveObject* const object : objects) sum += object->promised();
    return sum;
  }
  // The process that is there in the end, without a child.
  Process& last() {
    if (child_.has_value()) end_child();
    return parent_.process();
  }

 private:
  void end_child() {
    calls_.exit(child_->process());
    child_.reset();
  }

  ProcessCalls& calls_;
  SpaceSteps steps_;
  SpaceActor parent_;
  std::optional<SpaceActor> child_;
  SpaceActor* acting_ = &parent_;
};

}  // namespace quire
