// A small machine to make caches on.
#pragma once

#include <string>

#include "tests/support/test_machine.hpp"

namespace quire {

class SlabMachine : public TestMachine {
 public:
  // As goals are measured: nothing is cleared that the caller does not want to be.
  static Shape plain(Shape shape) {
    shape.profile.init_on_alloc = false;
    shape.options += " slab_nomerge";
    return shape;
  }
  explicit SlabMachine(Shape shape = plain(Shape::one_zone({64, 2})), SimOptions options = {})
      : TestMachine(shape, std::move(options)) {}

  KmemCache& cache(const ObjectShape& shape, const CacheTuning& tuning = {},
                   Constructor constructor = nullptr) {
    ObjectShape with = shape;
    with.has_constructor = constructor != nullptr;
    const std::string name = "cache-" + std::to_string(++made_);
    const auto made = machine.slabs().create(
        {.name = name, .shape = with, .constructor = constructor, .tuning = tuning});
    if (!made.has_value()) throw std::runtime_error("no cache " + name);
    return **made;
  }
  // Nobody keeps a page for itself.
  std::uint64_t free_pages() {
    machine.pages().drain_all();
    for (CpuContext& cpu : machine.cpus()) fold_vmstat(machine.nodes(), cpu.percpu);
    return global_zone_state(machine.nodes(), ZoneItem::kNrFreePages);
  }

 private:
  unsigned made_ = 0;
};

}  // namespace quire
