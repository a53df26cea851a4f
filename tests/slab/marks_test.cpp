// Red zones, poison and tracks on plain memory.
#include "slab/marks.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace quire {
namespace {

constexpr SlabFlags kAll = SlabFlags::kRedZone | SlabFlags::kPoison | SlabFlags::kStoreUser |
                           SlabFlags::kConsistencyChecks;

// One stride of an object of 100 bytes, as in a new slab.
class Stride {
 public:
  explicit Stride(SlabFlags flags, bool has_constructor = false)
      : layout(layout_of({.size = 100, .flags = flags, .has_constructor = has_constructor}, {})
                   .value()) {
    bytes.fill(kPoisonInUse);
    marks().mark(ObjectState::kFree);
  }
  std::byte* object() { return bytes.data() + layout.red_left_pad; }
  ObjectMarks marks() { return {layout, object()}; }
  std::string_view damage(ObjectState state) {
    const auto found = marks().find_damage(state);
    return found.has_value() ? found->damage.name : "none";
  }

  SlabLayout layout;
  alignas(64) std::array<std::byte, 512> bytes;
};

TEST(ObjectMarks, ANewObjectIsFreeAndUndamaged) {
  Stride stride(kAll);
  EXPECT_EQ(stride.damage(ObjectState::kFree), "none");
  EXPECT_EQ(stride.object()[0], kPoisonFree);
  EXPECT_EQ(stride.object()[99], kPoisonEnd);
  EXPECT_EQ(stride.object()[-1], kRedInactive);
  EXPECT_EQ(stride.object()[100], kRedInactive);
}

TEST(ObjectMarks, TheRedZonesOfAFreeObjectAreWrongForAUsedOne) {
  Stride stride(kAll);
  EXPECT_EQ(stride.damage(ObjectState::kInUse), "Left Redzone");
  stride.marks().mark(ObjectState::kInUse);
  EXPECT_EQ(stride.damage(ObjectState::kInUse), "none");
  EXPECT_EQ(stride.object()[100], kRedActive);
}

TEST(ObjectMarks, EveryByteThatNobodyMayWriteIsWatched) {
  for (std::size_t at = 0; at < 192; ++at) {
    Stride stride(kAll);
    ASSERT_EQ(stride.layout.size, 192u);
    stride.marks().forget_tracks();
    stride.bytes[at] ^= std::byte{0x80};
    const std::size_t offset = at - stride.layout.red_left_pad;
    const bool link_or_tracks = offset >= 104 && offset < 104 + 8 + 64;
    EXPECT_EQ(stride.damage(ObjectState::kFree) == "none", link_or_tracks) << at;
  }
}

TEST(ObjectMarks, WhatAUserWritesIntoHisObjectIsNoDamage) {
  Stride stride(kAll);
  stride.marks().mark(ObjectState::kInUse);
  std::memset(stride.object(), 0x77, 100);
  EXPECT_EQ(stride.damage(ObjectState::kInUse), "none");
}

TEST(ObjectMarks, DamageIsFromTheFirstWrongByteToTheLast) {
  Stride stride(kAll);
  stride.object()[10] = std::byte{1};
  stride.object()[20] = std::byte{1};
  const Area damage = stride.marks().find_damage(ObjectState::kFree)->damage;
  EXPECT_EQ(damage.name, "Poison");
  EXPECT_EQ(damage.start, stride.object() + 10);
  EXPECT_EQ(damage.length, 11u);
  damage.restore();
  EXPECT_EQ(stride.damage(ObjectState::kFree), "none");
}

TEST(ObjectMarks, EachFlagWatchesItsOwn) {
  const auto finds = [](SlabFlags flag, std::ptrdiff_t offset) {
    Stride stride(flag);
    stride.object()[offset] = std::byte{0x77};
    return stride.damage(ObjectState::kFree);
  };
  EXPECT_EQ(finds(SlabFlags::kPoison, 10), "Poison");
  EXPECT_EQ(finds(SlabFlags::kPoison, 99), "End Poison");
  EXPECT_EQ(finds(SlabFlags::kPoison, 100), "Alignment padding");
  EXPECT_EQ(finds(SlabFlags::kRedZone, 100), "Right Redzone");
  EXPECT_EQ(finds(SlabFlags::kRedZone, -1), "Left Redzone");
  EXPECT_EQ(finds(SlabFlags::kRedZone, 10), "none");
  EXPECT_EQ(finds(SlabFlags::kStoreUser, 10), "none");
}

TEST(ObjectMarks, WhatAConstructorMadeIsNotPoisoned) {
  Stride stride(kAll, true);
  stride.object()[10] = std::byte{0x11};
  EXPECT_EQ(stride.damage(ObjectState::kFree), "none");
}

TEST(ObjectMarks, PaddingIsHarmlessAndRedZonesAreNot) {
  Stride stride(kAll);
  stride.marks().padding().start[1] = std::byte{0x77};
  EXPECT_TRUE(stride.marks().find_damage(ObjectState::kFree)->harmless);
  stride.object()[100] = std::byte{0x77};
  EXPECT_FALSE(stride.marks().find_damage(ObjectState::kFree)->harmless);
}

TEST(ObjectMarks, TracksAndTheRequestLieBehindTheLink) {
  Stride stride(kAll | SlabFlags::kKmalloc);
  stride.marks().forget_tracks();
  EXPECT_EQ(stride.marks().track(TrackKind::kAlloc).caller, nullptr);
  stride.marks().track(TrackKind::kFree) = {&stride, 7, 1, 99, 0};
  stride.marks().request() = 91;
  EXPECT_EQ(stride.damage(ObjectState::kFree), "none");
  EXPECT_EQ(stride.marks().track(TrackKind::kFree).pid, 7u);
  EXPECT_EQ(stride.marks().track(TrackKind::kAlloc).caller, nullptr);
}

}  // namespace
}  // namespace quire
