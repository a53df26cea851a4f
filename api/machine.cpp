// Machines: made from a description, asked, and ended.
#include <algorithm>
#include <cstring>
#include <new>

#include "api/call.hpp"

using quire::api::fail;
using quire::api::set_last_error;
using quire::machine_file::MachineFile;
using quire::machine_file::Parsed;

namespace {

struct ErrorText {
  char* text;
  std::size_t size;
};

quire_machine* refuse(const std::string& why, ErrorText error) {
  set_last_error(why);
  if (error.text != nullptr && error.size != 0) {
    const std::size_t length = std::min(why.size(), error.size - 1);
    std::memcpy(error.text, why.data(), length);
    error.text[length] = '\0';
  }
  return nullptr;
}

// What of `given` an older caller knows; defaults for the rest.
std::optional<quire_options> settle(const quire_options* given) {
  quire_options options{};
  options.size = sizeof options;
  if (given == nullptr) return options;
  if (given->size < offsetof(quire_options, seed) || given->size > sizeof options)
    return std::nullopt;
  std::memcpy(&options, given, given->size);
  if (options.host != QUIRE_HOST_SIM && options.host != QUIRE_HOST_NATIVE) return std::nullopt;
  return options;
}

quire_machine* create(const Parsed<MachineFile>& file, const quire_options* given,
                      ErrorText error) {
  if (!file.has_value()) return refuse(file.error().text(), error);
  const auto options = settle(given);
  if (!options.has_value()) return refuse("options: unknown size or host", error);
  auto machine = std::make_unique<quire_machine>(*options);
  if (const auto why = machine->boot(*file)) return refuse(*why, error);
  return machine.release();
}

// Nothing of C++ may leave through a C function.
template <class Make>
quire_machine* guarded(ErrorText error, Make make) {
  try {
    return make();
  } catch (const std::exception& problem) {
    return refuse(problem.what(), error);
  }
}

}  // namespace

extern "C" {

quire_machine* quire_machine_create_from_file(const char* path, const quire_options* options,
                                              char* error, size_t error_size) {
  const ErrorText report{error, error_size};
  if (path == nullptr) return refuse("no path", report);
  return guarded(report,
                 [&] { return create(quire::machine_file::read(path), options, report); });
}

quire_machine* quire_machine_create_from_text(const char* toml, const quire_options* options,
                                              char* error, size_t error_size) {
  const ErrorText report{error, error_size};
  if (toml == nullptr) return refuse("no text", report);
  return guarded(report, [&] {
    return create(quire::machine_file::read_text(toml, "machine"), options, report);
  });
}

void quire_machine_destroy(quire_machine* machine) {
  if (machine == nullptr) return;
  if (quire::thread_claim(*machine->pool) != nullptr) quire_detach(machine);
  delete machine;
}

int quire_run_for(quire_machine* machine, uint64_t duration_ns) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  if (!machine->sim) return fail(quire::Errno::kNotSupported, "time passes by itself");
  if (quire::api::holds_cpu(*machine)) return fail(quire::Errno::kBusy, "the thread holds a CPU");
  const std::lock_guard guard(machine->sim_lock);
  machine->sim->run_for(duration_ns);
  machine->sim->run_until_idle();  // nothing stays half done
  return 0;
}

int quire_cpu_count(const quire_machine* machine) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  return static_cast<int>(machine->machine->cpus().size());
}

int quire_node_count(const quire_machine* machine) {
  if (machine == nullptr) return fail(quire::Errno::kInvalid, "no machine");
  return static_cast<int>(machine->machine->nodes().all().size());
}

int quire_node_is_online(const quire_machine* machine, int node) {
  if (machine == nullptr || node < 0 || node >= quire_node_count(machine))
    return fail(quire::Errno::kInvalid, "no such node");
  return machine->machine->nodes().is_online(quire::NodeId{static_cast<std::uint16_t>(node)});
}

}  // extern "C"
