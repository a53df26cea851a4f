// Each kind of error once, as it was done to the running kernel: the same report, line for line.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/slab/debug_machine.hpp"

namespace quire {
namespace {

// In the recordings, three objects are in use before the error.
class Report : public testing::Test {
 protected:
  void SetUp() override {
    object_ = m_.take();
    second_ = m_.take();
    third_ = m_.take();
    m_.listen();
  }
  void expect_recorded(int number) {
    EXPECT_EQ(comparable(m_.heard()), comparable(recorded_report(number)));
    EXPECT_TRUE(audited(m_.machine));
  }

  DebugMachine m_;
  unsigned char* object_ = nullptr;
  unsigned char* second_ = nullptr;
  unsigned char* third_ = nullptr;
};

TEST_F(Report, OfAWriteBehindAnObject) {
  object_[100] = 0x77;
  m_.give(object_);
  expect_recorded(1);
}

TEST_F(Report, OfAWriteBeforeAnObject) {
  object_[-1] = 0x77;
  m_.give(object_);
  expect_recorded(2);
}

TEST_F(Report, OfAWriteToAFreeObject) {
  m_.give(object_);
  object_[10] = 0x77;
  m_.take_many(1);
  expect_recorded(3);
}

TEST_F(Report, OfAWriteToTheLastByteOfAFreeObject) {
  object_[99] = 1;
  m_.give(object_);
  object_[99] = 0x33;
  m_.take_many(1);
  expect_recorded(11);
}

TEST_F(Report, OfAnObjectFreedTwice) {
  m_.give(object_);
  m_.give(object_);
  expect_recorded(4);
}

TEST_F(Report, OfAnObjectFreedToAnotherCache) {
  quire_test_give(&m_.make("quire_other", kAllChecks), object_);
  expect_recorded(5);
  EXPECT_EQ(m_.bugs(), Lines{});
  m_.give(object_);
  EXPECT_THAT(m_.bugs(), testing::ElementsAre("Object already free"));
}

TEST_F(Report, OfACacheDestroyedWithObjectsInUse) {
  EXPECT_EQ(m_.machine.slabs().destroy(*m_.cache).error(), Errno::kBusy);
  expect_recorded(6);
  m_.give(object_);
  m_.give(second_);
  m_.give(third_);
  EXPECT_TRUE(m_.machine.slabs().destroy(*m_.cache).has_value());
}

TEST_F(Report, OfALinkOfAFreeObjectThatLeadsAstray) {
  m_.give(second_);
  m_.give(object_);
  *reinterpret_cast<std::uint64_t*>(object_ + 104) ^= 0x5555;
  m_.take_many(3);
  expect_recorded(7);
}

TEST_F(Report, OfAWriteFarBehindAnObject) {
  object_[104 + 8 + 64 + 1] = 0x77;
  m_.give(object_);
  expect_recorded(8);
}

TEST_F(Report, OfAWriteBehindTheLastObjectOfASlab) {
  auto* const last = reinterpret_cast<unsigned char*>(
      reinterpret_cast<std::uintptr_t>(object_) | (kPageSize.raw() - 1));
  *last = 0x77;
  m_.give(object_);
  expect_recorded(9);
}

TEST_F(Report, OfAPointerIntoAnObject) {
  m_.give(object_ + 8);
  expect_recorded(10);
}

TEST_F(Report, OfAPointerIntoNoSlab) {
  Page* const page = m_.alloc(Gfp::kKernel, 0);
  m_.give(m_.machine.map().content_of(*page));
  expect_recorded(13);
}

}  // namespace
}  // namespace quire
