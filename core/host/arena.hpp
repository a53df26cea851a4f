// Memory for the core's own tables, taken from the host in large pieces and handed out in small
// ones. Nothing is given back: what boots with a machine lives as long as it.
//
// Locking  None: tables are made while one CPU boots, or under the hot-plug lock.
// Errors   kNoMemory when the host has no more.
#pragma once

#include <cstddef>
#include <new>
#include <span>
#include <type_traits>

#include "base/base.hpp"
#include "host/contract.hpp"

namespace quire {

class Arena {
 public:
  explicit Arena(Host& host) : host_(host) {}

  // Zeroed memory of `size` bytes, aligned to a cache line.
  Result<std::byte*> allocate(Bytes size, NodeId node);

  template <class T>
  Result<std::span<T>> make_array(std::size_t count, NodeId node = NodeId{0}) {
    static_assert(std::is_trivially_destructible_v<T>);
    QUIRE_TRY_ASSIGN(memory, allocate(Bytes{count * sizeof(T)}, node));
    T* const first = reinterpret_cast<T*>(memory);
    for (std::size_t i = 0; i < count; ++i) new (first + i) T();
    return std::span<T>{first, count};
  }

  template <class T, class... Args>
  Result<T*> make(NodeId node, Args&&... args) {
    static_assert(std::is_trivially_destructible_v<T>);
    QUIRE_TRY_ASSIGN(memory, allocate(Bytes{sizeof(T)}, node));
    return new (memory) T(static_cast<Args&&>(args)...);
  }

 private:
  Host& host_;
  std::byte* next_ = nullptr;
  std::byte* end_ = nullptr;
  NodeId node_ = kNoNode;
};

}  // namespace quire
