// A machine with the cache that VmaTrees' nodes come from, and room for some 2,000 of them.
#pragma once

#include <vector>

#include "tests/support/test_machine.hpp"
#include "vma/vma.hpp"

namespace quire {

inline VirtAddr page(std::uint64_t number) { return VirtAddr{number * kPageSize.raw()}; }

class VmaMachine : public TestMachine {
 public:
  VmaMachine() : TestMachine(Shape::one_zone({16})) {
    std::vector<Page*> blocks;
    while (Page* const block = alloc(Gfp::kKernel | Gfp::kNoWarn, 4)) blocks.push_back(block);
    for (unsigned i = 0; i < 8; ++i) free(blocks[i], 4);
  }

  KmemCache& nodes = *machine.slabs().create(VmaTree::node_cache()).value();
};

// While it lives there is no node to be had.
class Famine {
 public:
  explicit Famine(VmaMachine& m) : m_(m) {
    while (void* const node = m.nodes.alloc(Gfp::kKernel | Gfp::kNoWarn)) taken_.push_back(node);
  }
  ~Famine() { m_.nodes.free_bulk(taken_); }
  Famine(const Famine&) = delete;
  Famine& operator=(const Famine&) = delete;

 private:
  VmaMachine& m_;
  std::vector<void*> taken_;
};

}  // namespace quire
