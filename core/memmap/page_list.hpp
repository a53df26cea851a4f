// A doubly linked list of pages, linked by 32-bit indices through Page::next and Page::prev, nil-
// terminated, with head and tail in the owner. A page is on at most one list.
//
// Locking  The owner's. Cost  Constant; pushing and removing touch the neighbours.
#pragma once

#include <cstdint>

#include "base/base.hpp"
#include "memmap/page.hpp"

namespace quire {

class PageList {
 public:
  [[nodiscard]] bool empty() const { return head_ == 0; }
  // Without the owner's lock: true or false of some moment near now.
  [[nodiscard]] bool empty_racy() const { return __atomic_load_n(&head_, __ATOMIC_RELAXED) == 0; }
  [[nodiscard]] PageIndex front() const { return PageIndex{head_}; }
  [[nodiscard]] PageIndex back() const { return PageIndex{tail_}; }

  void push_front(PageArray map, PageIndex index) { push_front(map, map.at(index), index); }
  // The same where the page, map.at(index), is known.
  void push_front(PageArray map, Page& page, PageIndex index) {
    page.next = head_;
    page.prev = 0;
    (head_ == 0 ? tail_ : map.at(head_).prev) = raw(index);
    set_head(raw(index));
  }

  void push_back(PageArray map, PageIndex index) {
    Page& page = map.at(index);
    page.prev = tail_;
    page.next = 0;
    if (tail_ == 0)
      set_head(raw(index));
    else
      map.at(tail_).next = raw(index);
    tail_ = raw(index);
  }

  // `index` is on this list.
  void remove(PageArray map, PageIndex index) {
    const Page& page = map.at(index);
    if (page.prev == 0)
      set_head(page.next);
    else
      map.at(page.prev).next = page.next;
    (page.next == 0 ? tail_ : map.at(page.next).prev) = page.prev;
  }

  // The list is not empty.
  PageIndex pop_front(PageArray map) {
    const PageIndex index{head_};
    const std::uint32_t next = map.at(index).next;
    set_head(next);
    (next == 0 ? tail_ : map.at(next).prev) = 0;
    return index;
  }

  // Puts `index` behind `place`, which is on this list.
  void insert_after(PageArray map, PageIndex place, PageIndex index) {
    Page& before = map.at(place);
    Page& page = map.at(index);
    page.prev = raw(place);
    page.next = before.next;
    (page.next == 0 ? tail_ : map.at(page.next).prev) = raw(index);
    before.next = raw(index);
  }

  // Puts `replacement` where `index` is on this list.
  void replace(PageArray map, PageIndex index, PageIndex replacement) {
    const Page& old = map.at(index);
    Page& page = map.at(replacement);
    page.next = old.next;
    page.prev = old.prev;
    if (page.prev == 0)
      set_head(raw(replacement));
    else
      map.at(page.prev).next = raw(replacement);
    (page.next == 0 ? tail_ : map.at(page.next).prev) = raw(replacement);
  }

 private:
  void set_head(std::uint32_t head) { __atomic_store_n(&head_, head, __ATOMIC_RELAXED); }

  std::uint32_t head_ = 0;
  std::uint32_t tail_ = 0;
};

}  // namespace quire
