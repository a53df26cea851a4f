/* Open files of a machine's processes, by descriptor: read, written, mapped and shared with
 * children as Linux has it. Included by quire/quire.h.
 *
 * Files       Below /dev/shm/ they are in the machine's memory alone (tmpfs), as are those of
 *             memfd_create. All others are, of a native machine, the real files of their paths; of
 *             a simulated one they begin empty with QUIRE_O_CREAT and last as long as the machine.
 * Writing     goes to the machine's page cache, which writes back by itself as vm.dirty_* say, on
 *             quire_file_fsync and quire_process_msync, and when the machine is destroyed. Whoever
 *             reads a real file past the machine sees then what was written. Whoever writes to it
 *             past the machine may not be seen.
 * Content     As process.h has it: machines that keep none have files and no bytes (-EOPNOTSUPP).
 * Errors      Of each call those of its manual page; -ENOENT: nobody has that pid. An I/O error of
 *             writing back is told once to each who has the file open, by fsync or msync.
 * Threads     As process.h has it; different processes may use one file at the same time. */
#ifndef QUIRE_FILES_H
#define QUIRE_FILES_H

#include <quire/process.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Linux's values. */
#define QUIRE_O_RDONLY 00u
#define QUIRE_O_WRONLY 01u
#define QUIRE_O_RDWR 02u
#define QUIRE_O_CREAT 0100u
#define QUIRE_O_EXCL 0200u
#define QUIRE_O_TRUNC 01000u
#define QUIRE_O_APPEND 02000u
#define QUIRE_O_CLOEXEC 02000000u
#define QUIRE_MFD_CLOEXEC 1u
#define QUIRE_MFD_ALLOW_SEALING 2u
#define QUIRE_SEEK_SET 0u
#define QUIRE_SEEK_CUR 1u
#define QUIRE_SEEK_END 2u
#define QUIRE_SEEK_DATA 3u
#define QUIRE_SEEK_HOLE 4u
#define QUIRE_FALLOC_FL_KEEP_SIZE 1u
#define QUIRE_FALLOC_FL_PUNCH_HOLE 2u
#define QUIRE_F_SEAL_SEAL 1u
#define QUIRE_F_SEAL_SHRINK 2u
#define QUIRE_F_SEAL_GROW 4u
#define QUIRE_F_SEAL_WRITE 8u
#define QUIRE_F_SEAL_FUTURE_WRITE 16u

/* The least descriptor that the process has free. A child of fork has its parent's, and they share
 * their position; exit closes them. */
QUIRE_API int quire_file_open(struct quire_machine *machine, int64_t pid, const char *path,
                              uint32_t flags);
QUIRE_API int quire_file_memfd_create(struct quire_machine *machine, int64_t pid,
                                      const char *name, uint32_t flags);
QUIRE_API int quire_file_dup(struct quire_machine *machine, int64_t pid, int fd);
QUIRE_API int quire_file_close(struct quire_machine *machine, int64_t pid, int fd);
/* The name goes; the file when nobody has it open. Of any path that quire_file_open takes. */
QUIRE_API int quire_unlink(struct quire_machine *machine, const char *path);
/* How much may be below /dev/shm/, as mount has it with `size=` (rounded up to pages) and
 * `nr_inodes=`, of which the folder takes one; 0: no limit. Half of the RAM at first, and an inode
 * for each page of that. What goes beyond is -ENOSPC, a touch SIGBUS. -EINVAL: less than is there;
 * -ENOENT: there has been no process yet. */
struct quire_tmpfs_limits {
  uint64_t size;
  uint64_t nr_inodes;
};
QUIRE_API int quire_tmpfs_remount(struct quire_machine *machine,
                                  const struct quire_tmpfs_limits *limits);

/* How many bytes were read or written. `offset` is of quire_file_pread and _pwrite alone; the
 * others are at the file's position, which moves. */
struct quire_read_request {
  void *to;
  uint64_t size;
  int64_t offset;
};
struct quire_write_request {
  const void *from;
  uint64_t size;
  int64_t offset;
};
QUIRE_API int64_t quire_file_read(struct quire_machine *machine, int64_t pid, int fd,
                                  const struct quire_read_request *request);
QUIRE_API int64_t quire_file_pread(struct quire_machine *machine, int64_t pid, int fd,
                                   const struct quire_read_request *request);
QUIRE_API int64_t quire_file_write(struct quire_machine *machine, int64_t pid, int fd,
                                   const struct quire_write_request *request);
QUIRE_API int64_t quire_file_pwrite(struct quire_machine *machine, int64_t pid, int fd,
                                    const struct quire_write_request *request);

struct quire_seek {
  int64_t offset;
  uint32_t whence; /* QUIRE_SEEK_ */
  uint32_t reserved; /* 0 */
};
/* The position after it. */
QUIRE_API int64_t quire_file_lseek(struct quire_machine *machine, int64_t pid, int fd,
                                   const struct quire_seek *to);
QUIRE_API int quire_file_ftruncate(struct quire_machine *machine, int64_t pid, int fd,
                                   int64_t size);
struct quire_fallocate {
  int64_t offset;
  int64_t size;
  uint32_t mode; /* QUIRE_FALLOC_FL_ */
  uint32_t reserved; /* 0 */
};
/* Of files in memory; others: -EOPNOTSUPP. */
QUIRE_API int quire_file_fallocate(struct quire_machine *machine, int64_t pid, int fd,
                                   const struct quire_fallocate *request);
QUIRE_API int quire_file_fsync(struct quire_machine *machine, int64_t pid, int fd);
QUIRE_API int quire_file_add_seals(struct quire_machine *machine, int64_t pid, int fd,
                                   uint32_t seals);
QUIRE_API int64_t quire_file_get_seals(struct quire_machine *machine, int64_t pid, int fd);

struct quire_file_mapping {
  struct quire_mmap memory; /* without QUIRE_MAP_ANONYMOUS */
  uint64_t offset;          /* in the file, of whole pages */
};
/* Where the part of the file is. The mapping stays when the descriptor is closed. */
QUIRE_API int64_t quire_file_mmap(struct quire_machine *machine, int64_t pid, int fd,
                                  const struct quire_file_mapping *request);

#ifdef __cplusplus
}
#endif

#endif
