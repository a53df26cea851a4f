#include "procfs/rows.hpp"

namespace quire {

void NumberList::show_run() {
  if (any_) out_.ch(',');
  out_.dec(first_);
  if (count_ > 1) out_.ch('-').dec(first_ + count_ - 1);
  any_ = true;
}

void NumberList::add(std::uint64_t number) {
  if (count_ != 0 && number == first_ + count_) {
    ++count_;
    return;
  }
  if (count_ != 0) show_run();
  first_ = number;
  count_ = 1;
}

void NumberList::end() {
  if (count_ != 0) show_run();
  count_ = 0;
}

void NumberList::finish() {
  end();
  out_.nl();
}

}  // namespace quire
