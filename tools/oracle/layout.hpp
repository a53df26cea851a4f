// Whether two lines are laid out alike although their numbers differ.
//
// A number that follows blanks may stand in a column. Columns are as wide as printf's %*lu: a
// number that is longer than its column pushes what follows to the right. So with the width known,
// Linux's numbers can be put in the place of ours, and the result must be Linux's line to the byte.
#pragma once

#include <string_view>

namespace quire::oracle {

// The columns of the numbers of a line: 0 for numbers that simply follow what stands before them.
struct ColumnWidth {
  unsigned columns = 0;
};

// Whether `here`, with the numbers of `linux` in it, is `linux`.
bool same_layout(std::string_view linux, std::string_view here, ColumnWidth width);

}  // namespace quire::oracle
