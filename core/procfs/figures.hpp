// The rows that /proc/meminfo and the nodes' meminfo share, from the counters of one node or of
// all: what differs is the words before each row, and which rows there are.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/base.hpp"
#include "procfs/sources.hpp"

namespace quire {

// The counters of one node, or of all of them when there is no node.
class Counters {
 public:
  Counters(const Nodes& nodes, const Node* node) : nodes_(nodes), node_(node) {}

  [[nodiscard]] std::uint64_t count(NodeItem item) const {
    return node_ == nullptr ? global_node_state(nodes_, item) : node_state(*node_, item);
  }
  [[nodiscard]] std::uint64_t count(ZoneItem item) const;
  [[nodiscard]] std::uint64_t managed() const;
  // The same of high memory alone.
  [[nodiscard]] std::uint64_t high_managed() const;
  [[nodiscard]] std::uint64_t high_free() const;

  template <class Item>
  [[nodiscard]] std::uint64_t kib(Item item) const {
    return in_kib(PageCount{count(item)});
  }

 private:
  template <class Visit>
  void for_each_zone(Visit visit) const {
    nodes_.for_each_populated([&](const Zone& zone) {
      if (node_ == nullptr || zone.node == node_->id) visit(zone);
    });
  }

  const Nodes& nodes_;
  const Node* node_;
};

// Rows "Name:    123 kB", each after the same words.
class MeminfoRows {
 public:
  // `node` is null for /proc/meminfo.
  MeminfoRows(Text& out, const Node* node) : out_(out), node_(node) {}
  void kib(std::string_view name, std::uint64_t kbytes);
  void pages(std::string_view name, std::uint64_t pages) { kib(name, in_kib(PageCount{pages})); }
  // A row of huge pages of files, which stands a column further left in a node's file.
  void file_huge(std::string_view name, std::uint64_t kbytes);
  // A count of huge pages: no unit, and other columns in a node's file.
  void huge(std::string_view name, std::uint64_t count);

 private:
  void name_row(std::string_view name, unsigned columns);

  Text& out_;
  const Node* node_;
};

// Active to Mlocked.
void show_lru_rows(MeminfoRows& rows, const Counters& counters);
// HighTotal to LowFree, where the kernel has high memory.
void show_high_memory_rows(MeminfoRows& rows, const Counters& counters, ArchProfile arch);
// AnonHugePages to FilePmdMapped.
void show_huge_page_rows(MeminfoRows& rows, const Counters& counters);

}  // namespace quire
