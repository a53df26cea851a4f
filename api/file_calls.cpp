// Open files of processes through C.
#include <fcntl.h>

#include <string>

#include "api/process_call.hpp"
#include "include/quire/files.h"

using quire::Descriptors;
using quire::Errno;
using quire::File;
using quire::Process;
using quire::ProcessFloor;
using quire::Result;
using quire::api::as_process;
using quire::api::fail;
using quire::api::Who;

static_assert(QUIRE_O_CREAT == O_CREAT && QUIRE_O_EXCL == O_EXCL && QUIRE_O_TRUNC == O_TRUNC &&
              QUIRE_O_APPEND == O_APPEND && QUIRE_O_CLOEXEC == O_CLOEXEC);

namespace {

// work(process, bytes) of a call that moves bytes, which a machine without content has none of.
template <class Work>
std::int64_t move_bytes(const Who& who, Work work) {
  return as_process(who, [&](ProcessFloor& floor, Process& process) {
    return floor.parts().keep_content ? work(process) : Errno::kNotSupported;
  });
}

bool makes_sense(const quire_read_request* request) {
  return request != nullptr && (request->to != nullptr || request->size == 0);
}
bool makes_sense(const quire_write_request* request) {
  return request != nullptr && (request->from != nullptr || request->size == 0);
}
std::span<std::byte> bytes_of(const quire_read_request& request) {
  return {static_cast<std::byte*>(request.to), request.size};
}
std::span<const std::byte> bytes_of(const quire_write_request& request) {
  return {static_cast<const std::byte*>(request.from), request.size};
}

Result<int> open_file(quire_machine& machine, Process& process, const std::string& path,
                      std::uint32_t flags) {
  QUIRE_TRY_ASSIGN(file, machine.files->open(path, static_cast<int>(flags)));
  using enum Descriptors::OnExec;
  const auto number = process.files.add(*file, (flags & QUIRE_O_CLOEXEC) != 0 ? kClose : kKeep);
  if (!number.has_value()) file->put();
  return number;
}

}  // namespace

extern "C" {

int quire_file_open(quire_machine* machine, int64_t pid, const char* path, uint32_t flags) {
  if (path == nullptr) return fail(Errno::kFault, "no path");
  return static_cast<int>(as_process({machine, pid, path}, [&](ProcessFloor&, Process& process) {
    return open_file(*machine, process, path, flags);
  }));
}

int quire_file_memfd_create(quire_machine* machine, int64_t pid, const char* name,
                            uint32_t flags) {
  if (name == nullptr) return fail(Errno::kFault, "no name");
  const auto create = [&](ProcessFloor&, Process& process) {
    return quire::do_memfd_create(process, name, flags);
  };
  return static_cast<int>(as_process({machine, pid, "memfd_create"}, create));
}

int quire_file_dup(quire_machine* machine, int64_t pid, int fd) {
  const auto dup = [&](ProcessFloor&, Process& process) { return quire::do_dup(process, fd); };
  return static_cast<int>(as_process({machine, pid, "dup"}, dup));
}

int quire_file_close(quire_machine* machine, int64_t pid, int fd) {
  const auto close = [&](ProcessFloor&, Process& process) { return quire::do_close(process, fd); };
  return static_cast<int>(as_process({machine, pid, "close"}, close));
}

int quire_unlink(quire_machine* machine, const char* path) {
  if (machine == nullptr || path == nullptr) return fail(Errno::kInvalid, "no machine or path");
  const quire::api::Call call(*machine);
  if (!machine->files) return fail(Errno::kNoEntry, path);
  return static_cast<int>(quire::api::answer(machine->files->unlink(path), path));
}

int quire_tmpfs_remount(quire_machine* machine, const quire_tmpfs_limits* limits) {
  if (machine == nullptr || limits == nullptr) return fail(Errno::kInvalid, "no machine or limits");
  const quire::api::Call call(*machine);
  if (!machine->files) return fail(Errno::kNoEntry, "tmpfs");
  const quire::api::TmpfsLimits wanted{
      quire::pages_to_hold(quire::Bytes{limits->size}), limits->nr_inodes};
  return static_cast<int>(quire::api::answer(machine->files->remount(wanted), "tmpfs"));
}

int64_t quire_file_read(quire_machine* machine, int64_t pid, int fd,
                        const quire_read_request* request) {
  if (!makes_sense(request)) return fail(Errno::kFault, "no request or buffer");
  return move_bytes({machine, pid, "read"}, [&](Process& process) {
    return quire::do_read(process, fd, bytes_of(*request));
  });
}

int64_t quire_file_pread(quire_machine* machine, int64_t pid, int fd,
                         const quire_read_request* request) {
  if (!makes_sense(request)) return fail(Errno::kFault, "no request or buffer");
  return move_bytes({machine, pid, "pread"}, [&](Process& process) {
    return quire::do_pread(process, fd, {request->offset, bytes_of(*request)});
  });
}

int64_t quire_file_write(quire_machine* machine, int64_t pid, int fd,
                         const quire_write_request* request) {
  if (!makes_sense(request)) return fail(Errno::kFault, "no request or buffer");
  return move_bytes({machine, pid, "write"}, [&](Process& process) {
    return quire::do_write(process, fd, bytes_of(*request));
  });
}

int64_t quire_file_pwrite(quire_machine* machine, int64_t pid, int fd,
                          const quire_write_request* request) {
  if (!makes_sense(request)) return fail(Errno::kFault, "no request or buffer");
  return move_bytes({machine, pid, "pwrite"}, [&](Process& process) {
    return quire::do_pwrite(process, fd, {request->offset, bytes_of(*request)});
  });
}

int64_t quire_file_lseek(quire_machine* machine, int64_t pid, int fd, const quire_seek* to) {
  if (to == nullptr) return fail(Errno::kFault, "no place");
  return as_process({machine, pid, "lseek"}, [&](ProcessFloor&, Process& process) {
    return quire::do_lseek(process, fd, {to->offset, to->whence});
  });
}

int quire_file_ftruncate(quire_machine* machine, int64_t pid, int fd, int64_t size) {
  const auto cut = [&](ProcessFloor&, Process& process) {
    return quire::do_ftruncate(process, fd, size);
  };
  return static_cast<int>(as_process({machine, pid, "ftruncate"}, cut));
}

int quire_file_fallocate(quire_machine* machine, int64_t pid, int fd,
                         const quire_fallocate* request) {
  if (request == nullptr) return fail(Errno::kFault, "no request");
  const auto allocate = [&](ProcessFloor&, Process& process) {
    return quire::do_fallocate(process, fd, {request->mode, request->offset, request->size});
  };
  return static_cast<int>(as_process({machine, pid, "fallocate"}, allocate));
}

int quire_file_fsync(quire_machine* machine, int64_t pid, int fd) {
  const auto sync = [&](ProcessFloor&, Process& process) { return quire::do_fsync(process, fd); };
  return static_cast<int>(as_process({machine, pid, "fsync"}, sync));
}

int quire_file_add_seals(quire_machine* machine, int64_t pid, int fd, uint32_t seals) {
  const auto add = [&](ProcessFloor&, Process& process) {
    return quire::do_add_seals(process, fd, seals);
  };
  return static_cast<int>(as_process({machine, pid, "F_ADD_SEALS"}, add));
}

int64_t quire_file_get_seals(quire_machine* machine, int64_t pid, int fd) {
  return as_process({machine, pid, "F_GET_SEALS"}, [&](ProcessFloor&, Process& process) {
    return quire::do_get_seals(process, fd);
  });
}

int64_t quire_file_mmap(quire_machine* machine, int64_t pid, int fd,
                        const quire_file_mapping* given) {
  if (given == nullptr) return fail(Errno::kInvalid, "no request");
  return as_process({machine, pid, "mmap"},
                    [&](ProcessFloor& floor, Process& process) -> Result<quire::VirtAddr> {
    quire::MmapRequest request;
    request.address = quire::VirtAddr{given->memory.address};
    request.length = quire::Bytes{given->memory.size};
    request.prot = given->memory.prot;
    request.flags = given->memory.flags;
    request.offset = quire::Bytes{given->offset};
    if ((request.flags & QUIRE_MAP_ANONYMOUS) == 0) {
      QUIRE_TRY_ASSIGN(file, process.files.get(fd));
      request.file = file;
    }
    return quire::do_mmap(floor.caller(process), request);
  });
}

}  // extern "C"
