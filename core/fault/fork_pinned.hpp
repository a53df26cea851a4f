// A page that may be pinned stays its process's own when that forks: the child gets a copy at once,
// so that whoever has the pin and the process go on to see the same bytes.
//
// Locking  The parent's mmap_lock and its `walks` exclusively, which keep new pins away.
// Errors   kNoMemory.
// Source   Documentation/core-api/pin_user_pages.rst.
#pragma once

#include "vma/vma.hpp"

namespace quire {

// Whether pages of `vma` may be pinned and are not to be shared with a child.
[[nodiscard]] bool may_have_pinned(const Vma& vma);

// Before what else `parent` maps is shared: `child` gets copies of its pinned pages.
Result<void> copy_pinned_pages(Vma& child, Vma& parent);

}  // namespace quire
