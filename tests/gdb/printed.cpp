// One value of each type that gdb/quire_printers.py prints; test_printers.py looks at them in
// stop_here(). The build compiles this without optimisation, so that nothing is optimised away.
#include "base/base.hpp"
#include "hosts/native/native_host.hpp"
#include "memmap/memmap.hpp"

namespace {

void stop_here() {}

}  // namespace

int main() {
  using namespace quire;
  [[maybe_unused]] const Bytes bytes{4096};
  [[maybe_unused]] const PageCount count{16};
  [[maybe_unused]] const PhysAddr phys{0x100000};
  [[maybe_unused]] const VirtAddr virt{0x7fff0000};
  [[maybe_unused]] const Pfn pfn{0x1234};
  [[maybe_unused]] const PfnRange range{Pfn{0x10}, Pfn{0x20}};
  [[maybe_unused]] const Order order{3};
  [[maybe_unused]] const NodeId node{1};
  [[maybe_unused]] const NodeId nowhere = kNoNode;
  [[maybe_unused]] const CpuId cpu{2};
  [[maybe_unused]] const PageIndex no_page = PageIndex::kNone;

  NativeHost host;
  Arena arena(host);
  MemoryMap map;
  if (!map.init(arena, 2) || !map.add_section(SectionId{0}) || !map.add_section(SectionId{5})) {
    return 1;
  }
  const PageArray pages = map.array();
  Page& free_page = map.at(PageIndex{7});
  free_page.word = PageWord(2u << PageWord::kZoneShift, Order{3}, PageKind::kBuddy);
  free_page.list_type = MigrateType::kMovable;
  Page& used_page = map.at(PageIndex{8});
  used_page.word = PageWord(1u << PageWord::kZoneShift, Order{0}, PageKind::kInUse);
  used_page.word.set(PageFlag::kDirty);
  used_page.word.set(PageFlag::kSwapBacked);
  used_page.refcount = 4;

  PageList empty_list;
  PageList list;
  list.push_back(pages, PageIndex{3});
  list.push_back(pages, PageIndex{1});
  list.push_back(pages, PageIndex{32770});
  PageList broken_list;
  broken_list.push_back(pages, PageIndex{20});
  broken_list.push_back(pages, PageIndex{21});
  map.at(PageIndex{21}).prev = 9;
  stop_here();
  return 0;
}
