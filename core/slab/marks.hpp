// What debugging writes in and around an object, and finds changed: red zones, poison, tracks.
//
//   free objects    red zones 0xbb, body 0x6b, its last byte 0xa5
//   used objects    red zones 0xcc, body as above until its owner writes
//   other room      0x5a
//
// Works on plain memory: nothing but the layout and the object's stride.
//
// Locking  Of the caller: the object is his.
// Source   Documentation/mm/slub.rst; reports of the running kernel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "slab/layout.hpp"

namespace quire {

inline constexpr std::byte kRedInactive{0xbb};
inline constexpr std::byte kRedActive{0xcc};
inline constexpr std::byte kPoisonInUse{0x5a};
inline constexpr std::byte kPoisonFree{0x6b};
inline constexpr std::byte kPoisonEnd{0xa5};

enum class ObjectState : std::uint8_t { kFree, kInUse };
enum class TrackKind : std::uint8_t { kAlloc, kFree };

// Who took an object, or gave it back.
struct Track {
  const void* caller;        // null: nobody yet
  std::uint32_t pid;
  std::uint32_t cpu;
  std::uint64_t jiffies;
  std::uint64_t unused;      // Linux's handle of a stack trace
};
static_assert(sizeof(Track) == kTrackBytes);

// Bytes that should all be `expected`.
struct Area {
  std::string_view name;
  std::byte* start;
  std::size_t length;
  std::byte expected;

  [[nodiscard]] std::byte* end() const { return start + length; }
  // The part from the first wrong byte to the last; empty where all is well.
  [[nodiscard]] Area damaged() const;
  [[nodiscard]] bool intact() const { return damaged().length == 0; }
  void restore() const;
};

class ObjectMarks {
 public:
  ObjectMarks(const SlabLayout& layout, void* object)
      : layout_(layout), object_(static_cast<std::byte*>(object)) {}

  // Writes red zones and poison for an object that is in `state` from now on.
  void mark(ObjectState state) const;

  // Of a cache with kStoreUser.
  [[nodiscard]] Track& track(TrackKind kind) const {
    return reinterpret_cast<Track*>(object_ + layout_.info_end())[static_cast<unsigned>(kind)];
  }
  void forget_tracks() const;
  // What was asked for, of a kmalloc cache with kStoreUser.
  [[nodiscard]] bool knows_request() const;
  [[nodiscard]] std::uint32_t& request() const {
    return *reinterpret_cast<std::uint32_t*>(object_ + layout_.info_end() + 2 * kTrackBytes);
  }

  // Whether its red zones and poison are those of `state`. The first of them that is not is in
  // `damage`. Damage to what nobody uses does not count: `harmless` says that it is such.
  struct Finding {
    Area damage;
    bool harmless;
  };
  [[nodiscard]] std::optional<Finding> find_damage(ObjectState state) const;

  [[nodiscard]] Area left_red_zone(ObjectState state) const;
  // From the end of the object to the next word; where nothing else fills it, padding.
  [[nodiscard]] Area right_red_zone(ObjectState state) const;
  // Behind all else, to the end of the stride.
  [[nodiscard]] Area padding() const;

 private:
  [[nodiscard]] bool has(SlabFlags flag) const { return any(layout_.flags & flag); }
  [[nodiscard]] Area body() const;
  [[nodiscard]] Area last_byte() const;

  const SlabLayout& layout_;
  std::byte* object_;
};

}  // namespace quire
