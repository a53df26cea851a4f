// A machine with a cache that is debugged, and callers that reports can name.
#pragma once

#include "tests/slab/recorded_reports.hpp"
#include "tests/slab/slab_machine.hpp"

namespace quire {

inline constexpr SlabFlags kAllChecks = SlabFlags::kPoison | SlabFlags::kRedZone |
                                        SlabFlags::kStoreUser | SlabFlags::kConsistencyChecks;

// Not inlined, and not their last call, so that they are who is named.
extern "C" {
[[gnu::noinline]] inline unsigned char* quire_test_take(KmemCache* cache) {
  auto* const object = static_cast<unsigned char*>(cache->alloc(Gfp::kKernel));
  asm volatile("" : : : "memory");
  return object;
}
[[gnu::noinline]] inline void quire_test_give(KmemCache* cache, void* object) {
  cache->free(object);
  asm volatile("" : : : "memory");
}
}

class DebugMachine : public SlabMachine {
 public:
  explicit DebugMachine(SlabFlags flags = kAllChecks, const std::string& options = "",
                        Constructor constructor = nullptr)
      : SlabMachine(with(options)), cache(&make("quire_test", flags, constructor)) {}

  KmemCache& make(std::string_view name, SlabFlags flags, Constructor constructor = nullptr) {
    const ObjectShape shape{
        .size = 100, .flags = flags, .has_constructor = constructor != nullptr};
    return **machine.slabs().create(
        {.name = name, .shape = shape, .constructor = constructor});
  }
  unsigned char* take() { return quire_test_take(cache); }
  void give(void* object) { quire_test_give(cache, object); }
  void take_many(unsigned count) {
    for (unsigned i = 0; i < count; ++i) take();
  }
  // Lines logged from here on.
  void listen() { heard_ = host.log_lines().size(); }
  [[nodiscard]] Lines heard() const {
    const auto& lines = host.log_lines();
    return {lines.begin() + static_cast<std::ptrdiff_t>(heard_), lines.end()};
  }
  // What the reports heard are about: the text behind "BUG quire_test (...): ".
  [[nodiscard]] Lines bugs() const {
    Lines result;
    for (const std::string& line : heard())
      if (line.starts_with("BUG ")) result.push_back(line.substr(line.find("): ") + 3));
    return result;
  }

  KmemCache* cache;

 private:
  static Shape with(const std::string& options) {
    Shape shape = Shape::one_zone({64, 2});
    shape.options = options;
    return plain(shape);
  }

  std::size_t heard_ = 0;
};

}  // namespace quire
