#include "tools/run/trace_source.hpp"

#include <utility>

namespace quire::run {
namespace {

constexpr std::uint64_t kFirstWaitNs = 1'000;
constexpr std::uint64_t kLongestWaitNs = 64'000;

class TraceThread final : public Program {
 public:
  TraceThread(std::shared_ptr<TraceSource> source, trace::ThreadId thread)
      : source_(std::move(source)), thread_(thread) {}
  ~TraceThread() override { source_->gone(thread_); }

  Action next(const Reply& last) override { return source_->next(thread_, last); }

 private:
  std::shared_ptr<TraceSource> source_;
  const trace::ThreadId thread_;
};

}  // namespace

std::unique_ptr<Program> make_trace_program(std::unique_ptr<trace::TraceReader> reader,
                                            std::shared_ptr<unsigned> progress) {
  const auto source = std::make_shared<TraceSource>(std::move(reader), std::move(progress));
  return source->make_program(trace::ThreadId{0}, trace::ProcessId{0});
}

bool needs_64_bits(trace::TraceReader& reader) {
  constexpr unsigned kFirstEvents = 4096;
  for (unsigned i = 0; i < kFirstEvents; ++i) {
    const auto read = reader.next();
    if (!read.has_value() || *read == nullptr) return false;
    const std::uint64_t address = std::visit(
        []<class What>(const What& what) -> std::uint64_t {
          if constexpr (std::is_same_v<What, trace::Access>) return what.page << trace::kPageShift;
          else if constexpr (requires { what.address; }) return what.address;
          else if constexpr (requires { what.high; }) return what.high - 1;
          else return 0;
        },
        (*read)->what);
    if (address >> 32 != 0) return true;
  }
  return false;
}

std::unique_ptr<Program> TraceSource::make_program(trace::ThreadId thread,
                                                   trace::ProcessId process) {
  threads_[thread].process = process;
  return std::make_unique<TraceThread>(shared_from_this(), thread);
}

void TraceSource::gone(trace::ThreadId thread) {
  const auto found = threads_.find(thread);
  if (found == threads_.end()) return;
  if (found->second.busy) --busy_;
  threads_.erase(found);
  if (!call_.has_value() || call_->thread != thread) return;
  call_.reset();
  script_.clear();
  calling_ = false;
}

Action TraceSource::next(trace::ThreadId id, const Reply& last) {
  Thread& thread = threads_[id];
  if (calling_ && call_->thread == id) return end_call(last);
  for (;;) {
    if (thread.over) return End{};
    if (const auto batch = take_batch(thread)) return *batch;
    if (busy_ != 0) return wait(thread);
    if (!error_.empty()) return Fail{error_};
    if (call_.has_value()) {
      if (call_->thread != id) return wait(thread);
      return begin_call();
    }
    if (at_end_) return End{};
    read_stretch();
  }
}

Action TraceSource::wait(Thread& thread) {
  thread.wait_ns = thread.wait_ns == 0 ? kFirstWaitNs : min_of(2 * thread.wait_ns, kLongestWaitNs);
  return Wait{thread.wait_ns};
}

// Accesses up to the next call, or so many.
void TraceSource::read_stretch() {
  if (progress_ != nullptr) *progress_ = reader_->progress();
  for (std::size_t events = 0; events < kStretch; ++events) {
    const auto read = reader_->next();
    if (!read.has_value()) {
      error_ = read.error().text();
      return;
    }
    if (*read == nullptr) {
      at_end_ = true;
      return;
    }
    const trace::Event& event = **read;
    const auto thread = threads_.find(event.thread);
    if (const auto* file = std::get_if<trace::File>(&event.what)) {
      add_file(*file);
      continue;
    }
    if (thread == threads_.end() || thread->second.over) continue;
    if (const auto* access = std::get_if<trace::Access>(&event.what)) {
      thread->second.accesses.push_back(*access);
      if (!std::exchange(thread->second.busy, true)) ++busy_;
      continue;
    }
    if (std::holds_alternative<trace::Open>(event.what) ||
        std::holds_alternative<trace::Close>(event.what))
      continue;
    call_ = event;
    return;
  }
}

// Of files that have the same path, as memfd_create's may, each is a file of its own.
void TraceSource::add_file(trace::File file) {
  const unsigned same = paths_[file.path]++;
  if (same != 0) file.path += " #" + std::to_string(same + 1);
  files_[file.file] = std::move(file);
}

// Accesses ----------------------------------------------------------------------------------------

std::optional<Touch> TraceSource::take_batch(Thread& thread) {
  if (!thread.busy) return std::nullopt;
  thread.wait_ns = 0;
  thread.batch.clear();
  while (!thread.accesses.empty() && thread.batch.size() < kBatch) take_accesses(thread);
  if (!thread.batch.empty()) return Touch{thread.batch};
  thread.busy = false;
  --busy_;
  return std::nullopt;
}

// One page's, of the first of them.
void TraceSource::take_accesses(Thread& thread) {
  trace::Access& access = thread.accesses.front();
  if (access.pages == 0 || access.times == 0) {
    thread.accesses.pop_front();
    return;
  }
  const VirtAddr at{access.page << trace::kPageShift};
  const auto kind = static_cast<PageAccess::Kind>(access.touch);
  for (std::uint32_t left = access.times; left != 0;) {
    const std::uint32_t times = min_of(left, std::uint32_t{PageAccess::kMostTimes});
    if (thread.batch.size() >= kBatch) {
      // The rest of this page's, and the other pages, come next time.
      trace::Access rest = access;
      rest.pages = 1;
      rest.times = left;
      access.page += static_cast<std::uint64_t>(access.stride);
      --access.pages;
      thread.accesses.push_front(rest);
      return;
    }
    thread.batch.emplace_back(at, kind, times);
    left -= times;
  }
  access.page += static_cast<std::uint64_t>(access.stride);
  --access.pages;
}

// Calls -------------------------------------------------------------------------------------------

Action TraceSource::begin_call() {
  calling_ = true;
  may_fail_ = false;
  plan(*call_);
  return end_call(0);
}

// The next step of the call, or what follows it.
Action TraceSource::end_call(const Reply& last) {
  if (!last.has_value() && !may_fail_) {
    return Fail{std::string("a call that succeeded when it was recorded fails here: ") +
                name_of(last.error())};
  }
  if (!script_.empty()) {
    Action action = std::move(script_.front());
    script_.pop_front();
    return action;
  }
  const trace::ThreadId id = call_->thread;
  calling_ = false;
  call_.reset();
  return next(id, 0);
}

void TraceSource::end_others(trace::ThreadId but, trace::ProcessId process) {
  for (auto& [id, thread] : threads_)
    if (id != but && thread.process == process) thread.over = true;
}

}  // namespace quire::run
