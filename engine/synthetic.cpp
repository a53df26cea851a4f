#include "engine/synthetic.hpp"

#include <algorithm>
#include <numeric>
#include <vector>

#include "hosts/sim/random.hpp"

namespace quire {
namespace {

constexpr std::size_t kBatch = 4096;
constexpr std::uint64_t kScatter = 0x9e3779b1;

std::uint64_t pages_of(const SyntheticSpec& spec) {
  return max_of<std::uint64_t>(pages_to_hold(spec.memory).raw(), 1);
}
std::uint64_t accesses_of(const SyntheticSpec& spec) {
  return spec.accesses != 0 ? spec.accesses : pages_of(spec);
}

// Which page is touched next.
class PagePicker {
 public:
  PagePicker(const SyntheticSpec& spec, std::uint64_t seed)
      : pages_(pages_of(spec)), zipf_(spec.pattern == Pattern::kZipf), random_(seed) {
    if (!zipf_) return;
    std::uint64_t sum = 0;
    constexpr std::uint64_t kFirst = std::uint64_t{1} << 32;
    for (std::uint64_t rank = 1; rank <= pages_; ++rank)
      sums_.push_back(sum += max_of<std::uint64_t>(kFirst / rank, 1));
    while (std::gcd(scatter_, pages_) != 1) ++scatter_;
  }

  std::uint64_t by_chance() {
    if (!zipf_) return pages_ == 1 ? 0 : below(pages_);
    const auto rank = std::ranges::upper_bound(sums_, below(sums_.back())) - sums_.begin();
    return static_cast<std::uint64_t>(rank) * scatter_ % pages_;
  }
  bool percent(unsigned of) { return of >= 100 || random_.below(100) < of; }

 private:
  // Far below 2^64, so that no number is noticeably more likely than another.
  std::uint64_t below(std::uint64_t bound) { return random_.next() % bound; }

  const std::uint64_t pages_;
  const bool zipf_;
  Random random_;
  std::uint64_t scatter_ = kScatter;
  std::vector<std::uint64_t> sums_;  // of the weights of the first so many favourites
};

// Touches memory that is there.
class Toucher final : public Program {
 public:
  // What is mapped where, and the seed of this one.
  struct Place {
    VirtAddr base;
    std::uint64_t seed;
  };
  Toucher(const SyntheticSpec& spec, const Place& place, Pattern pattern)
      : spec_(spec),
        base_(place.base),
        pattern_(pattern),
        picker_(spec, place.seed),
        left_(pattern == spec.pattern || pattern == Pattern::kRandom ? accesses_of(spec)
                                                                     : pages_of(spec)) {}

  Action next(const Reply&) override {
    if (left_ == 0) return End{};
    batch_.clear();
    while (left_ != 0 && batch_.size() < kBatch) {
      batch_.push_back(one());
      --left_;
    }
    return Touch{batch_};
  }

 private:
  PageAccess one() {
    const std::uint64_t pages = pages_of(spec_);
    switch (pattern_) {
      case Pattern::kStream: {
        const std::uint64_t part = max_of<std::uint64_t>(pages / 3, 1);
        const std::uint64_t array = at_ % 3;
        const std::uint64_t page = (array * part + at_ / 3 % part) % pages;
        ++at_;
        return access(page, array == 2);
      }
      case Pattern::kRandom:
      case Pattern::kZipf: {
        const std::uint64_t page = picker_.by_chance();
        return access(page, picker_.percent(spec_.write_percent));
      }
      default:
        return access(at_++ % pages, picker_.percent(spec_.write_percent));
    }
  }
  PageAccess access(std::uint64_t page, bool write) const {
    return {base_ + size_of(PageCount{page}),
            write ? PageAccess::Kind::kWrite : PageAccess::Kind::kRead, spec_.times};
  }

  const SyntheticSpec spec_;
  const VirtAddr base_;
  const Pattern pattern_;
  PagePicker picker_;
  std::uint64_t left_;
  std::uint64_t at_ = 0;
  std::vector<PageAccess> batch_;
};

// The first thread: maps the memory, starts the others, touches, forks.
class Synthetic final : public Program {
 public:
  explicit Synthetic(const SyntheticSpec& spec) : spec_(spec) {}

  Action next(const Reply& last) override {
    if (!last.has_value())
      return Fail{std::string("its ") + step_ + " fails: " + name_of(last.error())};
    if (first_) {
      first_ = false;
      if (!spec_.file.empty()) return open_file();
    }
    if (!mapped_) return map_memory();
    if (toucher_ == nullptr) begin(VirtAddr{*last});
    if (threads_ + 1 < spec_.threads) return thread(++threads_);
    Action action = toucher_->next(last);
    if (!std::holds_alternative<End>(action)) return action;
    if (spec_.pattern != Pattern::kForkStorm || children_ == spec_.children) return End{};
    step_ = "fork";
    return Fork{std::make_unique<Toucher>(spec_, place(1 + children_++), Pattern::kRandom)};
  }

 private:
  [[nodiscard]] Toucher::Place place(std::uint64_t number) const {
    return {base_, Random(spec_.seed + number).next()};
  }
  Action open_file() {
    step_ = "open";
    return OpenFile{.path = spec_.file, .file = 3, .size = spec_.memory};
  }
  Action map_memory() {
    mapped_ = true;
    step_ = "mmap";
    MapMemory call;
    call.length = spec_.memory;
    call.flags = spec_.shared ? map::kShared : map::kPrivate;
    if (spec_.file.empty()) call.flags |= map::kAnonymous;
    else call.file = 3;
    return call;
  }
  void begin(VirtAddr base) {
    base_ = base;
    const bool storm = spec_.pattern == Pattern::kForkStorm;
    toucher_ = std::make_unique<Toucher>(spec_, place(0),
                                         storm ? Pattern::kSequential : spec_.pattern);
  }
  Action thread(unsigned number) {
    step_ = "clone";
    return NewThread{std::make_unique<Toucher>(spec_, place(number), spec_.pattern)};
  }

  const SyntheticSpec spec_;
  const char* step_ = "start";
  bool first_ = true;
  bool mapped_ = false;
  VirtAddr base_;
  unsigned threads_ = 0;
  unsigned children_ = 0;
  std::unique_ptr<Toucher> toucher_;
};

}  // namespace

std::unique_ptr<Program> make_synthetic(const SyntheticSpec& spec) {
  return std::make_unique<Synthetic>(spec);
}

}  // namespace quire
