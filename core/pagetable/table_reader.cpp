#include "pagetable/table_reader.hpp"

namespace quire {

EntrySlot TableReader::child(const EntrySlot& slot, Entry entry, VirtAddr at) const {
  const PageLevel level = below(slot.level);
  const PageIndex page = frames.at(format.frame_of(slot.level, entry));
  return {frames.content(page), format.at(level).index(at), level, page};
}

EntrySlot TableReader::find(PageIndex root, VirtAddr at, PageLevel down_to) const {
  const PageLevel top = format.root();
  EntrySlot slot{frames.content(root), format.at(top).index(at), top, root};
  while (slot.level > down_to) {
    const Entry entry = load_entry(format, slot);
    if (!entry.is_table(slot.level)) break;
    slot = child(slot, entry, at);
  }
  return slot;
}

}  // namespace quire
