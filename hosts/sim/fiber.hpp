// A function that runs on a stack of its own and can stop in the middle: Boost.Context, told to the
// sanitizers, which would otherwise take a switch of stacks for an error.
//
// Ownership  A Fiber owns its body and its stack. One that has not finished is dropped as it is:
//            nothing on its stack is unwound, as when a kernel's power goes off.
// Locking    resume() is called from outside, suspend() from the body; all on one thread at a time.
// Errors     std::system_error when there is no memory for a stack. The body must not throw.
// Cost       A switch is some ten ns. A stack takes the memory that was touched, and a guard page.
#pragma once

#include <boost/context/detail/fcontext.hpp>
#include <cstddef>
#include <functional>
#include <utility>

namespace quire {

class FiberStack {
 public:
  explicit FiberStack(std::size_t size);
  ~FiberStack();
  FiberStack(FiberStack&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), mapped_(other.mapped_) {}
  FiberStack& operator=(FiberStack&&) = delete;

  [[nodiscard]] std::byte* bottom() const;  // the lowest byte that may be written
  [[nodiscard]] std::size_t size() const;

 private:
  std::byte* memory_;  // the guard page, then the stack
  std::size_t mapped_;
};

class Fiber {
 public:
  Fiber(FiberStack stack, std::function<void()> body);
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs the body until it suspends or ends.
  void resume();
  // Returns to whoever resumed.
  void suspend();

  [[nodiscard]] bool finished() const { return finished_; }
  // The stack of a finished fiber, for another one to use.
  FiberStack take_stack() { return std::move(stack_); }

 private:
  using Transfer = boost::context::detail::transfer_t;

  static void enter(Transfer from);
  void run();
  void leave_for_good();
  void go_outside();

  FiberStack stack_;
  std::function<void()> body_;
  bool finished_ = false;
  // Where to go on inside and outside. This is the layer below boost::context::fiber, which would
  // unwind what has not finished, and runs on the new stack before the sanitizers know.
  boost::context::detail::fcontext_t inside_;
  boost::context::detail::fcontext_t outside_ = nullptr;
  // What the sanitizers want to know of both sides; unused without them.
  void* inside_fake_stack_ = nullptr;
  void* outside_fake_stack_ = nullptr;
  const void* outside_bottom_ = nullptr;
  std::size_t outside_size_ = 0;
  void* inside_thread_ = nullptr;
  void* outside_thread_ = nullptr;
};

}  // namespace quire
