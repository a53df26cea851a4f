// Quire's C++ API: the C API (quire/quire.h) with ownership, distinct types and results. C++17.
//
//   auto machine = quire::Machine::from_file("m.toml");
//   if (!machine) return complain(machine.error().text);
//   const quire::Attachment on_cpu = machine->attach().value();
//   {
//     quire::Pages block = machine->allocate(quire::Gfp::kKernel, quire::BlockOrder{2}).value();
//   }                                          // freed here
//   std::string zoneinfo = machine->read("/proc/zoneinfo").value();
//
// Ownership  A Machine owns the machine and its host. Attachments, Pages and Processes borrow it
//            and end before it.
// Errors     A Result holds the value or an Error: the errno and the reason. value() of a Result
//            without one ends the program.
// Threads    As the C API; an Attachment ends on the thread that made it.
// Names      Live in quire::api. The headers of the core have a quire::Machine of their own, for
//            whoever builds on the core: a source includes the one or the other.
#pragma once

#include <quire/pages.hpp>
#include <quire/percpu.hpp>
#include <quire/process.hpp>
#include <quire/quire.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace quire {
inline namespace api {

class Machine {
 public:
  static Result<Machine> from_file(const std::string& path, quire_options options = defaults()) {
    return adopt(quire_machine_create_from_file(path.c_str(), &options, nullptr, 0));
  }
  static Result<Machine> from_text(const std::string& toml, quire_options options = defaults()) {
    return adopt(quire_machine_create_from_text(toml.c_str(), &options, nullptr, 0));
  }
  // A simulated machine without a log.
  static quire_options defaults() {
    return {sizeof(quire_options), QUIRE_HOST_SIM, 0, nullptr, nullptr};
  }

  ~Machine() { quire_machine_destroy(machine_); }
  Machine(Machine&& other) noexcept : machine_(std::exchange(other.machine_, nullptr)) {}
  Machine& operator=(Machine&& other) noexcept {
    std::swap(machine_, other.machine_);
    return *this;
  }

  [[nodiscard]] quire_machine* get() const { return machine_; }
  Result<Attachment> attach(Cpu cpu = Cpu::kAny) {
    const int code = quire_attach(machine_, static_cast<int>(cpu));
    if (code != 0) return failed(code);
    return Attachment(machine_);
  }

  Result<Pages> allocate(Gfp gfp, BlockOrder order, Node node = Node::kLocal) {
    quire_page* const page =
        quire_alloc_pages_node(machine_, static_cast<int>(node), static_cast<quire_gfp_t>(gfp),
                               static_cast<unsigned>(order));
    if (page == nullptr) return failed(0);
    return Pages(machine_, page, order);
  }

  // A process that executes a program of these parts; without any it has a stack alone.
  Result<Process> process(const std::string& name, const std::vector<Segment>& segments = {}) {
    return Process::create(machine_, name, segments);
  }

  // A zeroed T on every CPU.
  template <class T>
  Result<PerCpu<T>> per_cpu() {
    return PerCpu<T>::make(machine_);
  }

  Result<std::string> read(const std::string& path) {
    std::string text;
    for (;;) {
      const std::int64_t size = quire_read(machine_, path.c_str(), text.data(), text.size());
      if (size < 0) return failed(size);
      const auto length = static_cast<std::size_t>(size);
      const bool complete = length < text.size();
      text.resize(complete ? length : length + kRoom);
      if (complete) return text;
    }
  }
  // The bytes taken.
  Result<std::int64_t> write(const std::string& path, const std::string& text) {
    return number(quire_write(machine_, path.c_str(), text.c_str()));
  }
  // A row of /proc/vmstat.
  Result<std::int64_t> counter(const std::string& name) {
    return number(quire_counter(machine_, name.c_str()));
  }
  [[nodiscard]] int cpus() const { return quire_cpu_count(machine_); }
  [[nodiscard]] int nodes() const { return quire_node_count(machine_); }

 private:
  static constexpr std::size_t kRoom = 64;  // for a text that grows between two readings

  explicit Machine(quire_machine* machine) : machine_(machine) {}
  static Error failed(std::int64_t code) {
    return {static_cast<int>(-code), quire_last_error()};
  }
  static Result<Machine> adopt(quire_machine* machine) {
    if (machine == nullptr) return failed(0);
    return Machine(machine);
  }
  static Result<std::int64_t> number(std::int64_t value) {
    if (value < 0) return failed(value);
    return value;
  }

  quire_machine* machine_;
};

}  // namespace api
}  // namespace quire
