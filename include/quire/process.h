/* Processes of a machine: address spaces that map, fault, fork and end as Linux's do. Included by
 * quire/quire.h.
 *
 * Names       A process is known by its pid, 1 or more. Its files are below /proc/PID.
 * Addresses   As programs give them to Linux, checked as Linux does: any number may come.
 * Content     Of machines that keep it: native ones, and those whose file says
 *             `[kernel] frame_content = true`. Others have no bytes to read or write: -EOPNOTSUPP;
 *             quire_process_touch does all but move them.
 * Errors      As quire.h has them; of each call on memory those of its manual page. -ENOENT: nobody
 *             has that pid. -EFAULT: an access for which a program would get a signal.
 * Threads     One thread at a time calls for one process; different processes' calls may run at the
 *             same time. A machine's first process is made while nobody else calls the machine.
 * Ownership   A process is there until quire_process_exit, and goes with its machine. */
#ifndef QUIRE_PROCESS_H
#define QUIRE_PROCESS_H

#include <quire/export.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct quire_machine;

/* Linux's values, of mmap, mprotect, mremap, madvise and the others: every number that Linux knows
 * may come, these are the ones that are needed most. */
#define QUIRE_PROT_NONE 0u
#define QUIRE_PROT_READ 1u
#define QUIRE_PROT_WRITE 2u
#define QUIRE_PROT_EXEC 4u
#define QUIRE_MAP_SHARED 0x1u
#define QUIRE_MAP_PRIVATE 0x2u
#define QUIRE_MAP_FIXED 0x10u
#define QUIRE_MAP_ANONYMOUS 0x20u
#define QUIRE_MAP_GROWSDOWN 0x100u
#define QUIRE_MAP_LOCKED 0x2000u
#define QUIRE_MAP_NORESERVE 0x4000u
#define QUIRE_MAP_POPULATE 0x8000u
#define QUIRE_MAP_FIXED_NOREPLACE 0x100000u
#define QUIRE_MREMAP_MAYMOVE 1u
#define QUIRE_MREMAP_FIXED 2u
#define QUIRE_MREMAP_DONTUNMAP 4u
#define QUIRE_MADV_DONTNEED 4u
#define QUIRE_MADV_FREE 8u
#define QUIRE_MADV_DONTFORK 10u
#define QUIRE_MADV_DOFORK 11u
#define QUIRE_MADV_WIPEONFORK 18u
#define QUIRE_MADV_COLD 20u
#define QUIRE_MADV_PAGEOUT 21u
#define QUIRE_MADV_POPULATE_READ 22u
#define QUIRE_MADV_POPULATE_WRITE 23u
#define QUIRE_MLOCK_ONFAULT 1u
#define QUIRE_MCL_CURRENT 1u
#define QUIRE_MCL_FUTURE 2u
#define QUIRE_MCL_ONFAULT 4u
#define QUIRE_MS_ASYNC 1u
#define QUIRE_MS_INVALIDATE 2u
#define QUIRE_MS_SYNC 4u
#define QUIRE_MADV_REMOVE 9u

/* --- Processes ----------------------------------------------------------------------------- */

/* A part of a program, in whole pages; `access` is of QUIRE_PROT_. */
struct quire_segment {
  uint64_t start;
  uint64_t size;
  uint32_t access;
  uint32_t reserved; /* 0 */
};
/* What a process executes: its parts, ascending; where the last one ends, the heap begins. A
 * movable program's addresses count from where it is put: where Linux puts such programs when it
 * names an interpreter, which is movable as well and goes among the mappings; there itself when it
 * names none. /proc/sys/kernel/randomize_va_space, 0 at first, lets chance move all of it. */
struct quire_program {
  size_t size;      /* sizeof(struct quire_program) */
  const char *name; /* what /proc shows, at most 15 bytes of it; copied */
  const struct quire_segment *segments;
  size_t segment_count;
  const struct quire_program *interpreter; /* or NULL */
  uint32_t movable;                        /* 1, or 0: at its own addresses */
  uint32_t reserved;                       /* 0 */
};

/* The pid of a new process, which has a stack as well; -EINVAL: parts that overlap or lie where
 * programs cannot. */
QUIRE_API int64_t quire_process_create(struct quire_machine *machine,
                                       const struct quire_program *program);
/* The pid of a child, whose memory is its parent's until one of them writes. */
QUIRE_API int64_t quire_process_fork(struct quire_machine *machine, int64_t pid);
/* Another program in the same process. */
QUIRE_API int quire_process_exec(struct quire_machine *machine, int64_t pid,
                                 const struct quire_program *program);
QUIRE_API int quire_process_exit(struct quire_machine *machine, int64_t pid);

struct quire_faults {
  uint64_t minor; /* ru_minflt */
  uint64_t major; /* ru_majflt: something had to be read */
};
QUIRE_API int quire_process_faults(struct quire_machine *machine, int64_t pid,
                                   struct quire_faults *faults);

/* --- Calls on memory ----------------------------------------------------------------------- */

struct quire_span {
  uint64_t start; /* an address of the process */
  uint64_t size;  /* bytes */
};

struct quire_mmap {
  uint64_t address; /* where it should be; with QUIRE_MAP_FIXED where it must be */
  uint64_t size;    /* bytes */
  uint64_t prot;
  uint64_t flags;
};
/* Memory of no file; where it is. */
QUIRE_API int64_t quire_process_mmap(struct quire_machine *machine, int64_t pid,
                                     const struct quire_mmap *request);
QUIRE_API int quire_process_munmap(struct quire_machine *machine, int64_t pid,
                                   const struct quire_span *span);
QUIRE_API int quire_process_mprotect(struct quire_machine *machine, int64_t pid,
                                     const struct quire_span *span, uint32_t prot);
struct quire_mremap {
  struct quire_span from;
  uint64_t new_size;
  uint64_t flags;
  uint64_t new_address; /* with QUIRE_MREMAP_FIXED */
};
/* Where it is then. */
QUIRE_API int64_t quire_process_mremap(struct quire_machine *machine, int64_t pid,
                                       const struct quire_mremap *request);
/* The end of the heap after the call, as the kernel's brk gives it: the old one when it could not
 * be moved. 0 asks for it. */
QUIRE_API int64_t quire_process_brk(struct quire_machine *machine, int64_t pid, uint64_t end);
QUIRE_API int quire_process_madvise(struct quire_machine *machine, int64_t pid,
                                    const struct quire_span *span, uint32_t advice);
QUIRE_API int quire_process_mlock(struct quire_machine *machine, int64_t pid,
                                  const struct quire_span *span, uint32_t flags);
QUIRE_API int quire_process_munlock(struct quire_machine *machine, int64_t pid,
                                    const struct quire_span *span);
QUIRE_API int quire_process_mlockall(struct quire_machine *machine, int64_t pid, uint32_t flags);
QUIRE_API int quire_process_munlockall(struct quire_machine *machine, int64_t pid);
/* Of mappings of files: what was written is in the file then, or on its way. */
QUIRE_API int quire_process_msync(struct quire_machine *machine, int64_t pid,
                                  const struct quire_span *span, uint32_t flags);
/* A byte for each page that `span` touches, 1 when it is in memory. */
QUIRE_API int quire_process_mincore(struct quire_machine *machine, int64_t pid,
                                    const struct quire_span *span, uint8_t *pages);

/* --- Translation caches, of a simulated machine whose description has [tlb]; else no effect --- */

/* Every CPU forgets what it has cached of the process's addresses: all, those of `span`, or those
 * of the page that `address` lies in. Calls above do it where they must. */
QUIRE_API int quire_flush_tlb_mm(struct quire_machine *machine, int64_t pid);
QUIRE_API int quire_flush_tlb_range(struct quire_machine *machine, int64_t pid,
                                    const struct quire_span *span);
QUIRE_API int quire_flush_tlb_page(struct quire_machine *machine, int64_t pid, uint64_t address);

/* --- Accesses ------------------------------------------------------------------------------ */

/* What the program does with its memory, faults included; what comes before an error is done. */
QUIRE_API int quire_process_read(struct quire_machine *machine, int64_t pid,
                                 const struct quire_span *from, void *to);
QUIRE_API int quire_process_write(struct quire_machine *machine, int64_t pid,
                                  const struct quire_span *to, const void *from);
/* One access to each page that `span` touches: QUIRE_PROT_READ, _WRITE or _EXEC. */
QUIRE_API int quire_process_touch(struct quire_machine *machine, int64_t pid,
                                  const struct quire_span *span, uint32_t access);

/* Of a simulated machine: so much virtual time passes, in which the machine does what it does of
 * its own accord. -EOPNOTSUPP: of a native one time passes by itself. -EBUSY: the caller
 * keeps a CPU (quire_get_cpu). */
QUIRE_API int quire_run_for(struct quire_machine *machine, uint64_t duration_ns);

struct quire_words {
  uint64_t first; /* which word of the file; of pagemap an address over 4096, else a pfn */
  uint64_t count;
  uint64_t *words;
};
/* Words of /proc/PID/pagemap, /proc/kpagecount or /proc/kpageflags; how many there were. */
QUIRE_API int64_t quire_read_words(struct quire_machine *machine, const char *path,
                                   const struct quire_words *into);

#ifdef __cplusplus
}
#endif

#endif
