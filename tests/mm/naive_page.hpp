// A page of the model of address spaces, and what several of them may show.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "mm/mm.hpp"

namespace quire {

// What several may show: memory that is shared, or a file, all of which is in memory. There may be
// mappings behind its end, of which nothing can be touched.
struct NaiveObject {
  std::vector<std::string> pages;  // their content; none: zeros
  std::vector<bool> there;
  bool of_memory = true;
  bool reserved = true;  // all of it is promised, else what is there
  bool leaves_memory = false;  // nobody knows any more which pages are there

  NaiveObject(std::uint64_t count, bool all_promised)
      : pages(count), there(count), reserved(all_promised) {}
  [[nodiscard]] std::uint64_t promised() const {
    if (!of_memory) return 0;
    return reserved ? pages.size() : static_cast<std::uint64_t>(std::ranges::count(there, true));
  }
};

struct NaivePage {
  static constexpr VmFlags kFlags =
      VmFlags::kAccess | VmFlags::kShared | VmFlags::kAnyLocked | VmFlags::kDontCopy |
      VmFlags::kWipeOnFork | VmFlags::kSeqRead | VmFlags::kRandRead | VmFlags::kNoReserve |
      VmFlags::kAccount | VmFlags::kMergeable | VmFlags::kHugePage | VmFlags::kNoHugePage |
      VmFlags::kDontDump;
  VmFlags flags{};    // of these
  std::string bytes;  // its own content; none: the object's, or zeros
  // Whether a page is there: surely, surely not, or the page of zeros may be.
  enum class There : std::uint8_t { kNo, kMaybe, kYes } there = There::kNo;
  std::shared_ptr<NaiveObject> object{};  // what it shows, unless it has been copied
  std::uint64_t index = 0;                // which page of it
  bool given_up = false;                  // its content, until it is written again
  bool may_be_gone = false;               // with it

  [[nodiscard]] bool beyond() const { return object != nullptr && index >= object->pages.size(); }
  [[nodiscard]] bool shows() const { return object != nullptr && bytes.empty() && !beyond(); }
  [[nodiscard]] bool is_shared() const { return any(flags & VmFlags::kShared); }
  [[nodiscard]] const std::string& content() const {
    return shows() ? object->pages[index] : bytes;
  }
  [[nodiscard]] There is_there() const {
    if (!shows()) return beyond() ? There::kNo : there;
    if (object->leaves_memory) return There::kMaybe;
    return object->there[index] ? There::kYes : There::kNo;
  }
  void bring(There now) {
    if (shows())
      object->there[index] = true;
    else
      there = now;
  }
  void forget() {
    there = There::kNo;
    given_up = false;
    bytes.clear();
  }
  // One byte is written; what is private is copied first.
  void write(Bytes offset, char value) {
    given_up = false;
    if (!is_shared() && bytes.empty()) bytes = content();
    if (!is_shared()) there = There::kYes;
    std::string& to = is_shared() ? object->pages[index] : bytes;
    to.resize(kPageSize.raw());
    to[offset.raw()] = value;
    if (is_shared()) object->there[index] = true;
  }
};

}  // namespace quire
