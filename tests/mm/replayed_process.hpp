// A process whose calls are named by the words of a recording's script.
#pragma once

#include <string>
#include <vector>

#include "tests/process/process_machine.hpp"

namespace quire {

class ReplayedProcess {
 public:
  using Args = std::vector<std::uint64_t>;

  // Root's, and nothing is mapped.
  ReplayedProcess() : process_(&machine_.create("recorded")) {
    static_cast<void>(do_munmap(caller(), VirtAddr{0}, mm().layout.task_size - VirtAddr{0}));
    mm().limits.ipc_lock = mm().limits.sys_admin = mm().limits.raw_io = true;
  }
  Mm& mm() { return *process_->mm; }
  Caller caller() { return machine_.floor->caller(*process_); }
  ProcessMachine& machine() { return machine_; }
  Process& process() { return *process_; }
  // Whose the calls are from now on.
  void act_as(Process& process) { process_ = &process; }
  // What the last mincore said, a digit a page.
  [[nodiscard]] const std::string& resident() const { return resident_; }

  Result<std::uint64_t> make(const std::string& op, const std::string& name, const Args& arg) {
    const VirtAddr at{arg[0]};
    const Bytes length{arg[1]};
    if (op == "mmap")
      return raw_of(do_mmap(caller(), {at, length, arg[2], arg[3], nullptr, Bytes{arg[5]}}));
    if (op == "mremap")
      return raw_of(do_mremap(caller(), {at, length, Bytes{arg[2]}, arg[3], VirtAddr{arg[4]}}));
    if (op == "munmap") return zero(do_munmap(caller(), at, length));
    if (op == "mprotect") return zero(do_mprotect(caller(), at, length, arg[2]));
    if (op == "madvise")
      return zero(do_madvise(caller(), at, length, static_cast<Advice>(arg[2])));
    if (op == "mlock") return zero(do_mlock(caller(), at, length));
    if (op == "mlock2") return zero(do_mlock(caller(), at, length, arg[2]));
    if (op == "munlock") return zero(do_munlock(caller(), at, length));
    if (op == "mlockall") return zero(do_mlockall(caller(), arg[0]));
    if (op == "msync") return zero(do_msync(caller(), at, length, arg[2]));
    if (op == "brk") return do_brk(caller(), at).raw();
    if (op == "mincore") return find_resident(at, length);
    return other(op, name, arg);
  }

 private:
  static Result<std::uint64_t> zero(Result<void> result) {
    if (!result.has_value()) return result.error();
    return 0;
  }
  static Result<std::uint64_t> raw_of(Result<VirtAddr> result) {
    if (!result.has_value()) return result.error();
    return result->raw();
  }
  Result<std::uint64_t> other(const std::string& op, const std::string& name, const Args& arg) {
    if (op == "munlockall") do_munlockall(caller());
    if (op == "read" || op == "write") return touch(VirtAddr{arg[0]}, op == "write");
    if (op == "fork") process_ = &machine_.fork(*process_);
    if (op == "drop")
      mm().limits.ipc_lock = mm().limits.sys_admin = mm().limits.raw_io = false;
    if (op == "rlimit" && arg[0] == 2) mm().limits.data = arg[1];
    if (op == "rlimit" && arg[0] == 8) mm().limits.locked = arg[1];
    if (op == "rlimit" && arg[0] == 9) mm().limits.address_space = arg[1];
    if (op == "sysctl") {
      const std::string value = std::to_string(arg[0]);
      EXPECT_TRUE(machine_.machine.proc().write("proc/sys/vm/" + name, value).has_value());
    }
    return 0;
  }
  Result<std::uint64_t> find_resident(VirtAddr at, Bytes length) {
    resident_.clear();
    std::vector<std::uint8_t> pages(256, 9);
    const auto done = do_mincore(caller(), at, length, pages);
    for (const std::uint8_t page : pages)
      if (page != 9) resident_ += page == 0 ? '0' : '1';
    return zero(done);
  }
  // The recorder reads a byte, and then writes it.
  Result<std::uint64_t> touch(VirtAddr at, bool write) {
    for (const Access access : {Access::kUserRead, Access::kUserWrite}) {
      if (access == Access::kUserWrite && !write) break;
      const FaultEnd end = machine_.try_touch(*process_, at, access);
      if (end == FaultEnd::kNotMapped || end == FaultEnd::kNotAllowed)
        return Errno{11};  // SIGSEGV
    }
    return 0;
  }

  ProcessMachine machine_;
  Process* process_;
  std::string resident_;
};

}  // namespace quire
