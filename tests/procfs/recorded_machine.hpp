// A machine of tests/oracle/captures, with the counters that a running kernel showed put where the
// files of /proc read them: what is printed must be what that kernel printed.
//
// Nothing here allocates a page: free lists and counters are written as recorded.
#pragma once

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "hosts/sim/sim_host.hpp"
#include "procfs/procfs.hpp"
#include "tests/procfs/recorded_text.hpp"
#include "tests/support/cpu_contexts.hpp"
#include "tools/machine_file/machine_file.hpp"

namespace quire::test {

inline const std::filesystem::path kCaptures = QUIRE_TESTS_DIR "/oracle/captures";

// The captures with which `file` was recorded: not all of it was kept of each.
inline std::vector<std::string> captures_with(const std::string& file) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kCaptures))
    if (std::filesystem::exists(entry.path() / "boot/zoneinfo") &&
        std::filesystem::exists(entry.path() / "boot" / file))
      names.push_back(entry.path().filename());
  EXPECT_GE(names.size(), 10u) << file;
  return names;
}

// What boots from a MachineSpec, up to but not including free pages. The thread that makes it runs
// on the machine's first CPU.
class BootedParts {
 public:
  explicit BootedParts(machine_file::MachineFile description)
      : description_(std::move(description)) {
    const MachineSpec spec = description_.spec();
    model_ = spec.memory_model;
    plan_ = *BootPlan::make(spec, arena_, host_);
    EXPECT_TRUE(nodes.init(arena_, spec.arch, plan_->numa(), plan_->layout()));
    make_map();
    cpus_.emplace(host_, nodes.cpu_count());
    Arch::set_current(&(*cpus_)[0]);
    sysctls.emplace(nodes, tunables);
    knobs.emplace(*sysctls);
  }

  ~BootedParts() { Arch::set_current(nullptr); }
  BootedParts(const BootedParts&) = delete;
  BootedParts& operator=(const BootedParts&) = delete;

  [[nodiscard]] ProcSources sources() {
    return {nodes, map, *plan_, *sysctls, *knobs, figures, model_};
  }
  [[nodiscard]] ProcTree tree() { return ProcTree(sources()); }
  [[nodiscard]] std::string read(std::string_view path) {
    StringSink sink;
    EXPECT_TRUE(tree().read(path, sink).has_value()) << path;
    return sink.text;
  }
  [[nodiscard]] const BootPlan& plan() const { return *plan_; }

  // What follows from the zones' managed pages, at the point of the boot where it is computed: what
  // comes free late is not managed yet.
  void size_everything() {
    EXPECT_TRUE(reserve_zonelists(nodes, arena_));
    build_zonelists(nodes, plan_->numa());
    nodes.for_each_populated([&](Zone& zone) {
      for (Setting& mark : zone.watermark) mark.set(0);
      zone.managed -= late_pages(zone);
    });
    calculate_min_free(nodes, tunables);
    setup_watermarks(nodes, tunables);
    setup_lowmem_reserve(nodes, tunables);
    knobs->start(nodes, plan_->command_line());
    nodes.for_each_populated([&](Zone& zone) { zone.managed += late_pages(zone); });
  }

  // Counts `value` on the boot CPU.
  void count(VmEvent event, std::uint64_t value) {
    count_event(nodes.percpu_area(CpuId{0}), event, value);
  }
  static void set(Zone& zone, ZoneItem item, std::uint64_t value) {
    zone.stat[index_of(item)] = static_cast<std::int64_t>(value);
  }
  static void set(Node& node, NodeItem item, std::uint64_t value) {
    node.stat[index_of(item)] = static_cast<std::int64_t>(value);
  }

  Nodes nodes;
  MemoryMap map;
  Tunables tunables;
  MemoryFigures figures;
  std::optional<Sysctls> sysctls;
  std::optional<Knobs> knobs;

 private:
  [[nodiscard]] std::uint64_t late_pages(const Zone& zone) const {
    std::uint64_t pages = 0;
    for (const LateFreed& late : plan_->late_freed())
      pages += late.range.intersect(zone.span).length().raw();
    return pages;
  }

  void make_map() {
    const auto number = [](Pfn pfn) { return static_cast<std::uint32_t>(section_of(pfn)); };
    const auto last = number(plan_->max_pfn() - PageCount{1});
    ASSERT_TRUE(map.init(arena_, last + 1));
    for (const NodeRange& ram : plan_->layout().ranges) {
      for (auto s = number(ram.range.start); s <= number(ram.range.end - PageCount{1}); ++s) {
        if (map.has_section(SectionId{s})) continue;
        EXPECT_TRUE(map.add_section(SectionId{s}));
      }
    }
  }

  machine_file::MachineFile description_;
  SimHost host_;
  Arena arena_{host_};
  std::optional<CpuContexts> cpus_;
  BootPlan* plan_ = nullptr;
  MemoryModel model_{};
};

class RecordedMachine : public BootedParts {
 public:
  explicit RecordedMachine(const std::string& name)
      : BootedParts(*machine_file::from_capture(kCaptures / name)),
        boot_(kCaptures / name / "boot") {
    take_zoneinfo();
  }

  [[nodiscard]] std::string recorded(const std::string& file) const {
    return file_text(boot_ / file);
  }
  void take_buddyinfo();
  void take_pagetypeinfo();
  void take_vmstat();
  void take_meminfo();
  void take_node_meminfo(Node& node);
  void take_sys_vm();

 private:
  void take_zoneinfo();
  void take_zone_row(Zone& zone, const std::vector<std::string>& words);
  void take_pageset_row(Zone& zone, const std::vector<std::string>& words);
  void clear_counters();
  Zone& zone_named(const std::string& node, const std::string& type);
  void put_on_list(Zone& zone, MigrateType type, Order order, std::uint64_t blocks);
  void set_block_types(Zone& zone, const std::vector<std::string>& counts);

  std::filesystem::path boot_;
  unsigned cpu_ = 0;           // of the pageset that is being read
  std::map<const Zone*, std::uint32_t> next_page_;  // of a zone's to be put on a list
};

// Finds the item of a family by its name.
template <class Item>
std::optional<Item> item_named(std::string_view name) {
  for (unsigned i = 0; i < kCountOf<Item>; ++i)
    if (name_of(static_cast<Item>(i)) == name) return static_cast<Item>(i);
  return std::nullopt;
}

}  // namespace quire::test
