// Each thing that can be wrong with slabs and sheaves is found by the audit, and named.
#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <utility>
#include <vector>

#include "tests/slab/slab_machine.hpp"

namespace quire {
namespace {

// A cache with slabs in use and free objects in them, in sheaves and in the barn.
class UsedCache : public SlabMachine {
 public:
  UsedCache() {
    for (unsigned i = 0; i < 1000; ++i) objects.push_back(cache.alloc(Gfp::kKernel));
    for (unsigned i = 0; i < objects.size(); ++i)
      if (i % 10 != 0) cache.free(objects[i]);
  }
  CpuSlab& cpu() { return cache.cpu_slab(cpu_id(0)); }
  Sheaf& main() QUIRE_NO_THREAD_SAFETY_ANALYSIS { return *cpu().main; }
  NodeSlabs& node() { return cache.node(node_id(0)); }
  // A slab with objects in use and free ones that were in use before.
  Page& slab() QUIRE_NO_THREAD_SAFETY_ANALYSIS {
    const MemoryMap& map = machine.map();
    for (PageIndex index = node().partial.front(); index != PageIndex::kNone;
         index = PageIndex{map.at(index).next})
      if (map.at(index).slab.inuse != 0 && map.at(index).slab.free != Page::kNoObject)
        return map.at(index);
    throw std::runtime_error("no such slab");
  }

  KmemCache& cache = SlabMachine::cache({.size = 512}, {.full_sheaves = 2});
  std::vector<void*> objects;
};

struct Damage {
  const char* name;
  const char* message;
  std::function<void(UsedCache&)> act;
};
void PrintTo(const Damage& damage, std::ostream* out) { *out << damage.name; }

const Damage kDamages[] = {
    {"TagOfASlab", "is not as the first page of its slab",
     [](UsedCache& m) { m.slab().mapping += 64; }},
    {"TagOfAllPagesOfASlab", "is of no cache",
     [](UsedCache& m) {
       Page* const pages = &m.slab();
       const std::uint64_t count = pages->word.order().pages().raw();
       for (std::uint64_t i = 0; i < count; ++i) pages[i].mapping = 0;
     }},
    {"PageOfASlab", "is not as the first page of its slab",
     [](UsedCache& m) { (&m.slab())[1].set_word({}); }},
    {"NumberOfObjects", "another number of objects than its order holds",
     [](UsedCache& m) { --m.slab().slab.objects; }},
    {"MoreInUseThanThereAre", "more objects in use than there are",
     [](UsedCache& m) { m.slab().slab.inuse = 1000; }},
    {"ObjectForgotten", "free and used objects are not all",
     [](UsedCache& m) { --m.slab().slab.inuse; }},
    {"FreeListIntoTheMiddle", "leads to what is no object",
     [](UsedCache& m) { m.slab().slab.free += 8; }},
    {"FreeListWithoutEnd", "has no end",
     [](UsedCache& m) {
       const SlabObjects& objects = m.cache.objects();
       void* const first = objects.start(m.slab()) + m.slab().slab.free;
       objects.set_link(first, first);
     }},
    {"SlabOffItsList", "not on the list that it belongs on",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS {
       m.node().partial.remove(m.machine.map().array(), m.machine.map().index_of(m.slab()));
     }},
    {"CountOfSlabs", "caches count",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { ++m.node().nr_slabs; }},
    {"CountOfObjects", "caches count",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { --m.node().total_objects; }},
    {"CountOfPartialSlabs", "caches count",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { ++m.node().nr_partial; }},
    {"FullSheafWithRoom", "a full sheaf of a barn has room",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { --m.node().full_sheaves->count; }},
    {"CountOfSheaves", "a barn has another number of sheaves",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { ++m.node().nr_empty_sheaves; }},
    {"SheafOverItsLimit", "over its limit", [](UsedCache& m) { m.main().limit = 1; }},
    {"ObjectTwiceInASheaf", "has an object twice",
     [](UsedCache& m) { m.main().objects()[1] = m.main().objects()[0]; }},
    {"ForeignObjectInASheaf", "what is no object of the cache and node",
     [](UsedCache& m) {
       m.main().objects()[0] = m.machine.kmalloc().alloc(8, Gfp::kKernel);
     }},
    {"FreeObjectInASheaf", "an object that its slab has",
     [](UsedCache& m) {
       m.main().objects()[0] = m.cache.objects().start(m.slab()) + m.slab().slab.free;
     }},
    {"SheafThatIsNotTheCpus", "see a sheaf that is none of theirs",
     [](UsedCache& m) QUIRE_NO_THREAD_SAFETY_ANALYSIS { m.cpu().active = m.cpu().spare; }},
    {"PlaceOfAnotherCache", "its place is another cache's",
     [](UsedCache& m) {
       m.cache.cpu_slab(cpu_id(1)).cache = &m.SlabMachine::cache({.size = 8});
     }},
    {"Counter", "nr_slab_reclaimable and nr_slab_unreclaimable",
     [](UsedCache& m) {
       m.machine.nodes().node(node_id(0)).stat[index_of(NodeItem::kNrSlabUnreclaimable)] -= 1;
     }},
};

class SlabAuditFinds : public testing::TestWithParam<Damage> {};

TEST_P(SlabAuditFinds, WhatIsWrongAndNamesIt) {
  UsedCache m;
  ASSERT_TRUE(audited(m.machine));
  GetParam().act(m);
  StringSink report;
  const Result<void> result = m.machine.audit(report);
  ASSERT_FALSE(result.has_value());
  EXPECT_NE(report.text.find(GetParam().message), std::string::npos) << report.text;
  EXPECT_EQ(report.text.find('\n'), report.text.size() - 1) << "one line: " << report.text;
}

INSTANTIATE_TEST_SUITE_P(Damages, SlabAuditFinds, testing::ValuesIn(kDamages),
                         [](const auto& damage) { return std::string(damage.param.name); });

}  // namespace
}  // namespace quire
