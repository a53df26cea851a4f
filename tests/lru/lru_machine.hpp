// A machine with lists of pages, and pages in the state in which users of the lists have them.
#pragma once

#include <vector>

#include "lru/lru.hpp"
#include "tests/support/counters.hpp"
#include "tests/support/test_machine.hpp"

namespace quire {

class LruMachine : public TestMachine {
 public:
  explicit LruMachine(const Shape& shape) : TestMachine(shape) {
    if (!lru.init(arena_).has_value()) throw std::runtime_error("no lists");
  }

  // Not on a list yet; its one reference is the caller's.
  Page& new_page(bool anonymous, NodeId node = NodeId{0}) {
    Page* const page = alloc(Gfp::kHighUserMovable | Gfp::kThisNode, 0, node);
    if (page == nullptr) throw std::runtime_error("no page");
    if (!anonymous) return *page;
    set_flag(*page, PageFlag::kSwapBacked);
    set_home(*page, reinterpret_cast<const void*>(0x1000 | kAnonHome), 7);
    return *page;
  }
  Page& listed_page(bool anonymous) {
    Page& page = new_page(anonymous);
    lru.add(page);
    lru.drain_here();
    return page;
  }

  [[nodiscard]] std::vector<Page*> list(LruList which, NodeId node = NodeId{0}) {
    std::vector<Page*> pages;
    lru.for_each(node, which, [&](PageIndex at) {
      pages.push_back(&machine.map().at(at));
      return true;
    });
    return pages;
  }
  // As the node's counter and the zones' have it, which are the same.
  [[nodiscard]] std::int64_t counted(LruList which) {
    const std::int64_t by_node = exact(
        machine, static_cast<NodeItem>(index_of(NodeItem::kNrInactiveAnon) + index_of(which)));
    const std::int64_t by_zone = exact(
        machine,
        static_cast<ZoneItem>(index_of(ZoneItem::kNrZoneInactiveAnon) + index_of(which)));
    if (by_node != by_zone) throw std::runtime_error("node and zones count differently");
    return by_node;
  }
  [[nodiscard]] std::uint64_t events(VmEvent event) { return event_count(machine.nodes(), event); }

  Lru lru{{machine.map(), machine.nodes(), machine.pages()}};

 private:
  Arena arena_{host};
};

}  // namespace quire
