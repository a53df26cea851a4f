// What the C++ API hands out: blocks of pages, a thread's place on a CPU, and results. For
// quire/quire.hpp, which says how they are used.
#pragma once

#include <quire/quire.h>

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <utility>

namespace quire {
inline namespace api {

enum class Gfp : std::uint32_t {
  kAtomic = QUIRE_GFP_ATOMIC,
  kKernel = QUIRE_GFP_KERNEL,
  kNoWait = QUIRE_GFP_NOWAIT,
  kNoIo = QUIRE_GFP_NOIO,
  kNoFs = QUIRE_GFP_NOFS,
  kUser = QUIRE_GFP_USER,
  kDma = QUIRE_GFP_DMA,
  kDma32 = QUIRE_GFP_DMA32,
  kHighUser = QUIRE_GFP_HIGHUSER,
  kHighUserMovable = QUIRE_GFP_HIGHUSER_MOVABLE,
  kTransHuge = QUIRE_GFP_TRANSHUGE,
  kZero = QUIRE_GFP_ZERO,
  kCompound = QUIRE_GFP_COMP,
  kNoWarn = QUIRE_GFP_NOWARN,
  kThisNode = QUIRE_GFP_THISNODE,
};
constexpr Gfp operator|(Gfp a, Gfp b) {
  return static_cast<Gfp>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
enum class BlockOrder : unsigned {};  // log2 of a block's pages
enum class Node : int { kLocal = QUIRE_NO_NODE };
enum class Cpu : int { kAny = QUIRE_ANY_CPU };
enum class FrameNumber : std::uint64_t {};

struct Error {
  int number = 0;  // an errno, positive; 0 where only the text tells
  std::string text;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}
  Result(Error error) : error_(std::move(error)) {}

  [[nodiscard]] bool has_value() const { return value_.has_value(); }
  explicit operator bool() const { return has_value(); }
  T& value() & { return checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() { return checked(); }
  T* operator->() { return &checked(); }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  T& checked() {
    if (!value_) std::abort();
    return *value_;
  }
  std::optional<T> value_;
  Error error_;
};

// The calling thread is on a CPU of the machine for as long as this lives.
class Attachment {
 public:
  explicit Attachment(quire_machine* machine) : machine_(machine) {}
  ~Attachment() {
    if (machine_ != nullptr) quire_detach(machine_);
  }
  Attachment(Attachment&& other) noexcept : machine_(std::exchange(other.machine_, nullptr)) {}
  Attachment& operator=(Attachment&&) = delete;

 private:
  quire_machine* machine_;
};

// A block of pages, freed at the end.
class Pages {
 public:
  Pages(quire_machine* machine, quire_page* first, BlockOrder order)
      : machine_(machine), first_(first), order_(order) {}
  ~Pages() {
    if (first_ != nullptr) quire_free_pages(machine_, first_, static_cast<unsigned>(order_));
  }
  Pages(Pages&& other) noexcept
      : machine_(other.machine_), first_(std::exchange(other.first_, nullptr)),
        order_(other.order_) {}
  Pages& operator=(Pages&& other) noexcept {
    std::swap(machine_, other.machine_);
    std::swap(first_, other.first_);
    std::swap(order_, other.order_);
    return *this;
  }

  [[nodiscard]] quire_page* get() const { return first_; }
  // Whoever takes it frees it.
  quire_page* release() { return std::exchange(first_, nullptr); }
  [[nodiscard]] BlockOrder order() const { return order_; }
  [[nodiscard]] std::size_t size_in_bytes() const {
    return std::size_t{1} << (static_cast<unsigned>(order_) + QUIRE_PAGE_SHIFT);
  }
  [[nodiscard]] FrameNumber frame() const {
    return FrameNumber{static_cast<std::uint64_t>(quire_page_to_pfn(machine_, first_))};
  }
  [[nodiscard]] void* content() const { return quire_page_address(machine_, first_); }
  [[nodiscard]] const char* zone() const { return quire_page_zone(machine_, first_); }
  [[nodiscard]] Node node() const { return Node{quire_page_node(machine_, first_)}; }

 private:
  quire_machine* machine_;
  quire_page* first_;
  BlockOrder order_;
};

}  // namespace api
}  // namespace quire
