// The least that handing out objects can cost: a stack of one thread, linked through its objects.
#pragma once

#include <array>

namespace quire::bench {

class PrivateStack {
 public:
  struct alignas(64) Node {
    Node* next = nullptr;
  };

  PrivateStack() {
    for (Node& node : nodes_) push(node);
  }
  PrivateStack(const PrivateStack&) = delete;
  PrivateStack& operator=(const PrivateStack&) = delete;

  [[gnu::always_inline]] Node* pop() {
    Node* const node = top_;
    top_ = node->next;
    return node;
  }
  [[gnu::always_inline]] void push(Node& node) {
    node.next = top_;
    top_ = &node;
  }

 private:
  alignas(64) Node* top_ = nullptr;
  std::array<Node, 64> nodes_;
};

}  // namespace quire::bench
