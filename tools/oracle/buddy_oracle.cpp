#include "tools/oracle/buddy_oracle.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "tools/oracle/booted_machine.hpp"
#include "tools/oracle/buddy_state.hpp"
#include "tools/oracle/packed_file.hpp"
#include "tools/oracle/traced.hpp"

namespace quire::oracle {
namespace {

std::string shown(std::uint64_t pfn) {
  return pfn == 0 ? "no page" : fmt::format("{:x}", pfn);
}

// The CPU that a log's operations ran on: the one whose sets it recorded.
unsigned cpu_of(const BuddyLog& log) {
  for (const ZoneState& zone : log.before)
    if (!zone.cpus.empty()) return zone.cpus.begin()->first;
  return 0;
}

class Replay {
 public:
  struct Parts {
    const BuddyLog& log;
    Machine& machine;
    Comparison& comparison;
    TraceSink* sink;
  };
  explicit Replay(const Parts& parts)
      : log_(parts.log), machine_(parts.machine), comparison_(parts.comparison),
        sink_(parts.sink),
        node_{static_cast<std::uint16_t>(parts.log.node)} {}

  void run() {
    machine_.pages().mobility().set_grouping_disabled(log_.grouping_disabled);
    for (const ZoneState& zone : log_.before) {
      if (const auto put = put_state(machine_, zone); !put) return comparison_.differ(put.error());
    }
    compare_all(log_.before, "before the first operation: ");
    if (!comparison_.all_agree()) return;
    machine_.pages().listen(sink_);
    for (const Operation& operation : log_.operations) {
      at_ = &operation;
      std::visit([&](const auto& what) { apply(what); }, operation.what);
    }
    machine_.pages().listen(nullptr);
    compare_all(log_.after, "after the last operation: ");
  }

 private:
  void compare_all(const std::vector<ZoneState>& states, const std::string& when) {
    comparison_.set_context(when);
    for (const ZoneState& linux : states)
      if (Zone* const zone = zone_of(machine_, linux))
        compare_states(linux, read_state(machine_, *zone), comparison_);
    comparison_.set_context("");
  }

  [[nodiscard]] std::string where(std::string_view what) const {
    return fmt::format("operation {} (line {}), {}", at_->number, at_->line, what);
  }
  [[nodiscard]] std::uint64_t pfn_of(const Page* page) const {
    return page == nullptr ? 0 : machine_.map().pfn_of(*page).raw();
  }

  // Remembers which of our pages stands for Linux's, so that the replay goes on after an answer
  // that was not the same. What Linux did not get is given back.
  void answer(std::string_view what, std::uint64_t linux, Page* page, Order order) {
    if (pfn_of(page) == linux) {
      comparison_.agree();
    } else {
      comparison_.differ(fmt::format("{}: Linux gave {}, here it is {}", where(what), shown(linux),
                                     shown(pfn_of(page))));
    }
    if (linux != 0) pages_[linux] = page;
    else if (page != nullptr) machine_.pages().free(*page, order);
  }

  void apply(const AllocateOp& op) {
    Page* const page = machine_.pages().allocate(op.gfp, op.order, node_);
    answer(fmt::format("allocating order {} with gfp {:x}", op.order.raw(), raw(op.gfp)), op.pfn,
           page, op.order);
  }

  void apply(const FreeOp& op) {
    const auto found = pages_.find(op.pfn);
    if (found == pages_.end()) {
      return comparison_.differ(fmt::format("{}: no operation of the log allocated it",
                                            where(fmt::format("freeing {:x}", op.pfn))));
    }
    Page* const page = found->second;
    pages_.erase(found);
    if (page != nullptr) machine_.pages().free(*page, op.order);
  }

  void apply(const DrainOp&) { machine_.pages().drain_cpu(Arch::current()->cpu); }

  void apply(const BulkOp& op) {
    std::vector<Page*> pages(op.count, nullptr);
    const std::size_t got = machine_.pages().allocate_bulk(op.gfp, node_, pages);
    const std::string what = fmt::format("bulk of {} with gfp {:x}", op.count, raw(op.gfp));
    comparison_.compare(where(what) + ": count of pages", std::to_string(op.pfns.size()),
                        std::to_string(got));
    for (std::size_t i = 0; i < std::max(got, op.pfns.size()); ++i) {
      answer(fmt::format("{}, page {}", what, i), i < op.pfns.size() ? op.pfns[i] : 0,
             i < got ? pages[i] : nullptr, Order{});
    }
  }

  void apply(const CountsOp& op) {
    ZoneState wanted;
    wanted.name = op.zone;
    wanted.node = log_.node;
    Zone* const zone = zone_of(machine_, wanted);
    if (zone == nullptr) return comparison_.differ(where("no zone " + op.zone + " here"));
    const ZoneState here = read_state(machine_, *zone);
    const std::string what = where(fmt::format("{} zone {}", op.label, op.zone));
    for (const auto& [name, value] : op.fields) {
      const auto found = here.fields.find(name);
      comparison_.compare(fmt::format("{}: {}", what, name), std::to_string(value),
                          found == here.fields.end() ? "" : std::to_string(found->second));
    }
    for (const auto& [id, blocks] : op.blocks) {
      const auto found = here.lists.find(id);
      comparison_.compare(fmt::format("{}: length of the free list of order {} {}", what, id.order,
                                      name_of(id.type)),
                          std::to_string(blocks),
                          std::to_string(found == here.lists.end() ? 0 : found->second.size()));
    }
  }

  const BuddyLog& log_;
  Machine& machine_;
  Comparison& comparison_;
  TraceSink* const sink_;
  const NodeId node_;
  const Operation* at_ = nullptr;
  std::unordered_map<std::uint64_t, Page*> pages_;  // ours, by Linux's page frame number
};

// The file beside NAME.log.gz that has another ending.
std::filesystem::path beside(const std::filesystem::path& log, std::string_view ending) {
  std::string name = log.filename().string();
  for (const std::string_view end : {".gz", ".log"})
    if (name.ends_with(end)) name.resize(name.size() - end.size());
  return log.parent_path() / name.append(ending);
}

}  // namespace

Comparison replay(const BuddyLog& log, const machine_file::MachineFile& file, TraceSink* sink) {
  Comparison comparison;
  const auto booted = BootedMachine::boot(file, {});
  if (!booted) {
    comparison.differ(booted.error());
    return comparison;
  }
  Machine& machine = (*booted)->machine();
  const unsigned cpu = cpu_of(log);
  if (cpu >= machine.cpus().size()) {
    comparison.differ(fmt::format("the log is of CPU {}, the machine has {} CPUs", cpu,
                                  machine.cpus().size()));
    return comparison;
  }
  const OnCpu on_cpu(machine.cpus()[cpu]);
  Replay({log, machine, comparison, sink}).run();
  return comparison;
}

std::expected<Comparison, std::string> check_buddy_log(const std::filesystem::path& path,
                                                       TraceSink* sink) {
  const auto text = read_packed(path);
  if (!text) return std::unexpected(text.error());
  const auto log = parse_buddy_log(*text);
  if (!log) return std::unexpected(fmt::format("{}: {}", path.string(), log.error()));
  const auto machine = machine_file::from_capture(beside(path, ".machine.json"));
  if (!machine) return std::unexpected(machine.error().text());
  const auto trace_path = beside(path, ".trace.gz");
  if (!std::filesystem::exists(trace_path)) return replay(*log, *machine, sink);
  const auto trace = read_packed(trace_path);
  if (!trace) return std::unexpected(trace.error());
  Traced traced(sink);
  Comparison comparison = replay(*log, *machine, &traced);
  traced.compare_with(*trace, comparison);
  return comparison;
}

}  // namespace quire::oracle
