#include "tools/quire/run_command.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <optional>
#include <vector>

#include "engine/sampler.hpp"
#include "tools/quire/beside_tool.hpp"
#include "tools/quire/fail.hpp"
#include "tools/quire/progress.hpp"
#include "tools/quire/settings.hpp"
#include "tools/quire/tree_writer.hpp"
#include "tools/report/database.hpp"
#include "tools/report/page.hpp"
#include "tools/run/page_watch.hpp"
#include "tools/run/record_json.hpp"
#include "tools/run/summary.hpp"
#include "tools/run/trace_program.hpp"
#include "tools/run/workload_file.hpp"

namespace quire::tools {
namespace {

constexpr int kInterruptedStatus = 130;

// Ctrl-C: the run ends, and says what there is. A second one ends the program.
constinit std::atomic<bool> interrupted = false;
void interrupt(int signal) {
  interrupted = true;
  std::signal(signal, SIG_DFL);
}

struct RunOptions {
  std::string machine;
  std::vector<std::string> workloads;
  std::vector<std::string> settings;
  std::string tree;
  std::string json;
  std::string report;
  std::string database;
  std::string until;
  std::uint64_t seed = 0;
  unsigned copies = 1;
  bool verify = false;
  bool quiet = false;
};

// A whole number at the start of `text`, which is moved behind it.
std::optional<std::uint64_t> take_number(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (!file) fail(fmt::format("{}: cannot be read", path));
  return text;
}

void write_file(const std::string& path, const std::string& text) {
  errno = 0;
  std::ofstream file(path, std::ios::binary);
  file << text << std::flush;
  if (file) return;
  const int error = errno;
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored)) std::filesystem::remove(path, ignored);
  fail(fmt::format("{}: cannot be written: {}", path, std::strerror(error)));
}

void read_until(const std::string& until, EngineOptions& options) {
  if (until.empty()) return;
  std::string_view text = until;
  constexpr std::string_view kFault = "fault=";
  const bool fault = text.starts_with(kFault);
  if (fault) text.remove_prefix(kFault.size());
  const auto number = take_number(text);
  std::uint64_t unit = 0;
  if (text == "ns") unit = 1;
  if (text == "us") unit = 1'000;
  if (text == "ms") unit = 1'000'000;
  if (text == "s") unit = 1'000'000'000;
  const bool good = number.has_value() && *number != 0 && (fault ? text.empty() : unit != 0);
  if (!good || (!fault && *number > ~std::uint64_t{0} / unit))
    fail(fmt::format("--until {}: expected a time such as 20ms (ns, us, ms, s) or fault=N", until));
  if (fault)
    options.until_fault = *number;
  else
    options.until_ns = *number * unit;
}

class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options) {
    if (!options.report.empty()) page_ = read_file(report_page());
    for (const std::string& word : options.workloads) add_workloads(word);
    boot();
    check_cpus();
    for (const std::string& setting : options.settings) apply_setting(*booted_, setting);
    start_engine();
    for (unsigned copy = 0; copy < options.copies; ++copy)
      for (std::size_t i = 0; i < workloads_.size(); ++i) start(i, copy);
  }

  RunEnd go() {
    const std::size_t before = booted_->log().size();
    Sampler sampler(*engine_, booted_->machine());
    const RunEnd end = go(sampler);
    record_ = sampler.finish();
    record_.machine = file_.name;
    record_.seed = options_.seed;
    record_.workloads = options_.workloads;
    record_.end = describe(end);
    record_.messages.assign(booted_->log().begin() + static_cast<std::ptrdiff_t>(before),
                            booted_->log().end());
    return end;
  }

  // Runs until it ends, and prints what is known of the page then.
  RunEnd show(Pfn frame) {
    Machine& machine = booted_->machine();
    if (machine.map().end() <= frame)
      fail(fmt::format("there is no page {:#x}: the machine's last is {:#x}", frame.raw(),
                       machine.map().end().raw() - 1));
    run::PageWatch watch(*engine_, machine, frame);
    const RunEnd end = go(watch);
    const OnCpu on_cpu(machine.cpus().front());
    std::cout << watch.text() << std::flush;
    if (!std::cout) fail("what was printed could not be written");
    return end;
  }

  void tell() {
    if (!options_.quiet) std::cout << run::summary_of(record_) << std::flush;
    if (!std::cout) fail("what was printed could not be written");
    if (!options_.json.empty()) write_file(options_.json, run::to_json(record_));
    if (!options_.report.empty()) write_report();
    if (!options_.database.empty()) write_database();
    if (options_.tree.empty()) return;
    if (const auto written = write_tree(*booted_, options_.tree); !written) fail(written.error());
    if (const auto written = write_page_files(*booted_, options_.tree); !written)
      fail(written.error());
  }

  // What the run itself found wrong, which is not what happens to programs; empty: nothing.
  [[nodiscard]] std::string complaint() const {
    if (!engine_->mismatch().empty()) return "--verify: " + engine_->mismatch();
    for (const auto& live : engine_->processes())
      if (live->state == LiveProcess::State::kBroken) return live->name + ": " + live->why;
    return {};
  }

 private:
  RunEnd go(RunObserver& observer) {
    engine_->observe(observer);
    Progress progress(*engine_, traces_);
    if (!options_.quiet && Progress::wanted()) engine_->observe(progress);
    std::signal(SIGINT, interrupt);
    const RunEnd end = engine_->run();
    std::signal(SIGINT, SIG_DFL);
    return end;
  }

  void add_workloads(const std::string& word) {
    const auto read = run::read_workloads(word);
    if (!read) fail(read.error().text());
    workloads_.insert(workloads_.end(), read->begin(), read->end());
  }

  void boot() {
    auto file = machine_file::read(options_.machine);
    if (!file) fail(file.error().text());
    file_ = std::move(*file);
    file_.tlb.modelled = true;
    if (options_.verify) file_.profile.frame_content = true;
    SimOptions host;
    host.seed = options_.seed;
    auto booted = oracle::BootedMachine::boot(file_, host);
    if (!booted) fail(fmt::format("{}: {}", options_.machine, booted.error()));
    booted_ = std::move(*booted);
  }

  void check_cpus() {
    const std::size_t cpus = booted_->machine().cpus().size();
    for (run::Workload& workload : workloads_) {
      if (!workload.cpu.has_value() || index_of(*workload.cpu) < cpus) continue;
      workload.cpu_place.what =
          fmt::format("there is no CPU {}: the machine's last is {}", index_of(*workload.cpu),
                      cpus - 1);
      fail(workload.cpu_place.text());
    }
  }

  void start_engine() {
    Machine& machine = booted_->machine();
    const OnCpu on_cpu(machine.cpus().front());
    const Result<ProcessFloor*> floor = machine.processes();
    if (!floor.has_value())
      fail(fmt::format("{}: no memory for processes ({})", options_.machine,
                       name_of(floor.error())));
    EngineOptions options{.cost = file_.cost, .verify = options_.verify,
                          .interrupted = &interrupted};
    read_until(options_.until, options);
    engine_ = std::make_unique<Engine>(Engine::Parts{booted_->host(), machine, **floor}, options);
  }

  std::unique_ptr<Program> program_of(const run::Workload& workload, std::uint64_t seed) {
    if (workload.trace.empty()) {
      SyntheticSpec spec = workload.synthetic;
      spec.seed = seed;
      return make_synthetic(spec);
    }
    auto trace = trace::open_trace(workload.trace);
    if (!trace) fail(trace.error().text());
    check_addresses(workload.trace);
    traces_.push_back(std::make_shared<unsigned>(0));
    return run::make_trace_program(std::move(*trace), traces_.back());
  }

  void check_addresses(const std::string& path) {
    if (file_.arch != ArchProfile::kX86_32) return;
    const auto trace = trace::open_trace(path);
    if (trace && run::needs_64_bits(**trace))
      fail(fmt::format("{}: a recording of a 64-bit program needs a 64-bit machine, and {} has 32",
                       path, options_.machine));
  }

  void start(std::size_t number, unsigned copy) {
    const run::Workload& workload = workloads_[number];
    const std::uint64_t seed = options_.seed + number * 1'000'003 + copy;
    const Result<void> started =
        engine_->start(workload.name, program_of(workload, seed), workload.cpu);
    if (!started.has_value())
      fail(fmt::format("{}: no memory to begin with ({})", workload.name,
                       name_of(started.error())));
  }

  static const char* describe(RunEnd end) {
    switch (end) {
      case RunEnd::kFinished: return "finished";
      case RunEnd::kUntil: return "stopped as asked";
      case RunEnd::kInterrupted: return "interrupted";
      case RunEnd::kVerifyFailed: break;
    }
    return "verify failed";
  }

  void write_report() {
    const auto filled = report::fill(std::move(page_), run::to_json(record_));
    if (!filled) fail(fmt::format("{}: {}", report_page(), filled.error()));
    write_file(options_.report, *filled);
  }

  void write_database() {
    const auto written = report::write_database(record_, options_.database);
    if (!written) fail(fmt::format("{}: {}", options_.database, written.error()));
  }

  const RunOptions& options_;
  std::string page_;  // of the report, still without the run
  std::vector<run::Workload> workloads_;
  machine_file::MachineFile file_;
  std::unique_ptr<oracle::BootedMachine> booted_;
  std::vector<std::shared_ptr<unsigned>> traces_;  // how much of each is read
  std::unique_ptr<Engine> engine_;
  RunRecord record_;
};

void run_run(const RunOptions& options) {
  Run run(options);
  const RunEnd end = run.go();
  run.tell();
  if (const std::string complaint = run.complaint(); !complaint.empty()) fail(complaint);
  if (end == RunEnd::kInterrupted) throw CLI::RuntimeError(kInterruptedStatus);
}

void run_page(std::uint64_t frame, const RunOptions& options) {
  Run run(options);
  const RunEnd end = run.show(Pfn{frame});
  if (const std::string complaint = run.complaint(); !complaint.empty()) fail(complaint);
  if (end == RunEnd::kInterrupted) throw CLI::RuntimeError(kInterruptedStatus);
}

// What says what is run, and how far.
void add_options(CLI::App* command, const std::shared_ptr<RunOptions>& options) {
  command->add_option("machine", options->machine, "the machine file (TOML)")->required();
  command
      ->add_option("workloads", options->workloads,
                   "traces (T.qtr, or T.qtr@2 to run on CPU 2), and workload files (TOML)")
      ->required();
  command->add_option("--copies", options->copies, "how often each workload is started")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command->add_option("--set", options->settings, kSettingHelp)->allow_extra_args(false);
  command->add_option("--seed", options->seed, "of what is decided by chance")
      ->capture_default_str();
  command->add_option("--until", options->until,
                      "stop at a time of the machine's clock, such as 20ms, or at fault=N");
  command->add_flag("--verify", options->verify,
                    "keep the content of memory and check each read (slow)");
  command->add_flag("-q,--quiet", options->quiet, "print nothing but errors");
}

}  // namespace

void add_run_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "run", "Run traces and workloads on a machine; print how its memory fared");
  const auto options = std::make_shared<RunOptions>();
  add_options(command, options);
  command->add_option("--proc", options->tree,
                      "write the machine's /proc and /sys, as they are in the end, below this "
                      "directory");
  command->add_option("--json", options->json, "write what happened to this file");
  command->add_option("--report", options->report,
                      "write it as a page with plots, for a browser");
  command->add_option("--sqlite", options->database, "write it as an SQLite database");
  command->callback([options] { run_run(*options); });

  CLI::App* page = app.add_subcommand(
      "page", "Run the same, and show one page of the machine's memory as it is then");
  const auto of_page = std::make_shared<RunOptions>();
  const auto frame = std::make_shared<std::uint64_t>(0);
  page->add_option("pfn", *frame, "the page's frame number, such as 0x1234")
      ->required()
      ->check(CLI::Range(std::uint64_t{0}, std::uint64_t{1} << 40));
  add_options(page, of_page);
  page->callback([of_page, frame] { run_page(*frame, *of_page); });
}

}  // namespace quire::tools
