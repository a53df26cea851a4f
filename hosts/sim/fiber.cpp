#include "hosts/sim/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define QUIRE_FIBER_ASAN
#endif
#if __has_feature(thread_sanitizer)
#define QUIRE_FIBER_TSAN
#endif
#endif
#ifdef __SANITIZE_ADDRESS__
#define QUIRE_FIBER_ASAN
#endif
#ifdef __SANITIZE_THREAD__
#define QUIRE_FIBER_TSAN
#endif

#ifdef QUIRE_FIBER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef QUIRE_FIBER_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace quire {
namespace {

std::size_t page_size() { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

// `leaving_fake_stack` is null when the stack that is left will not be used again.
void before_switch([[maybe_unused]] void** leaving_fake_stack, [[maybe_unused]] const void* bottom,
                   [[maybe_unused]] std::size_t size) {
#ifdef QUIRE_FIBER_ASAN
  __sanitizer_start_switch_fiber(leaving_fake_stack, bottom, size);
#endif
}

void after_switch([[maybe_unused]] void* fake_stack, [[maybe_unused]] const void** left_bottom,
                  [[maybe_unused]] std::size_t* left_size) {
#ifdef QUIRE_FIBER_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, left_bottom, left_size);
#endif
}

// What ran there may have been dropped in the middle, and AddressSanitizer marks frames even where
// other memory is mapped later.
void unmark_frames([[maybe_unused]] const FiberStack& stack) {
#ifdef QUIRE_FIBER_ASAN
  __asan_unpoison_memory_region(stack.bottom(), stack.size());
#endif
}

void* create_thread_record() {
#ifdef QUIRE_FIBER_TSAN
  return __tsan_create_fiber(0);
#else
  return nullptr;
#endif
}

void destroy_thread_record([[maybe_unused]] void* record) {
#ifdef QUIRE_FIBER_TSAN
  __tsan_destroy_fiber(record);
#endif
}

void* current_thread_record() {
#ifdef QUIRE_FIBER_TSAN
  return __tsan_get_current_fiber();
#else
  return nullptr;
#endif
}

void switch_thread_record([[maybe_unused]] void* record) {
#ifdef QUIRE_FIBER_TSAN
  __tsan_switch_to_fiber(record, 0);
#endif
}

}  // namespace

FiberStack::FiberStack(std::size_t size) {
  const std::size_t page = page_size();
  mapped_ = (size + page - 1) / page * page + page;
  void* const memory = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
  if (memory == MAP_FAILED) throw std::system_error(errno, std::system_category(), "fiber stack");
  memory_ = static_cast<std::byte*>(memory);
  if (::mprotect(memory_, page, PROT_NONE) != 0) {
    const int error = errno;
    ::munmap(memory_, mapped_);
    throw std::system_error(error, std::system_category(), "guard page of a fiber stack");
  }
}

FiberStack::~FiberStack() {
  if (memory_ == nullptr) return;
  unmark_frames(*this);
  ::munmap(memory_, mapped_);
}

std::byte* FiberStack::bottom() const { return memory_ + page_size(); }
std::size_t FiberStack::size() const { return mapped_ - page_size(); }

Fiber::Fiber(FiberStack stack, std::function<void()> body)
    : stack_(std::move(stack)),
      body_(std::move(body)),
      inside_(boost::context::detail::make_fcontext(stack_.bottom() + stack_.size(), stack_.size(),
                                                    &Fiber::enter)),
      inside_thread_(create_thread_record()) {
  unmark_frames(stack_);
}

Fiber::~Fiber() { destroy_thread_record(inside_thread_); }

void Fiber::enter(Transfer from) {
  Fiber& self = *static_cast<Fiber*>(from.data);
  self.outside_ = from.fctx;
  self.run();
}

void Fiber::run() {
  after_switch(nullptr, &outside_bottom_, &outside_size_);
  body_();
  finished_ = true;
  leave_for_good();
}

// AddressSanitizer may keep frames on the fake stack that goes with this switch. So this function
// has no such frame, and go_outside() a new one; neither returns.
[[gnu::no_sanitize_address]] void Fiber::leave_for_good() {
  before_switch(nullptr, outside_bottom_, outside_size_);
  go_outside();
}

[[gnu::noinline]] void Fiber::go_outside() {
  switch_thread_record(outside_thread_);
  outside_ = boost::context::detail::jump_fcontext(outside_, nullptr).fctx;
}

void Fiber::resume() {
  outside_thread_ = current_thread_record();
  before_switch(&outside_fake_stack_, stack_.bottom(), stack_.size());
  switch_thread_record(inside_thread_);
  inside_ = boost::context::detail::jump_fcontext(inside_, this).fctx;
  after_switch(outside_fake_stack_, nullptr, nullptr);
}

void Fiber::suspend() {
  before_switch(&inside_fake_stack_, outside_bottom_, outside_size_);
  go_outside();
  after_switch(inside_fake_stack_, &outside_bottom_, &outside_size_);
}

}  // namespace quire
