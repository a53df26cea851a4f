// Runs a script of memory calls and touches, and says after each line what it cost: " = RESULT |
// pgfault pgmajfault minflt majflt". Two processes act: one, and after `fork` its child, whose
// lines begin with `c`, until one of them exits (`exit`: the child; `succeed`: the other one, in
// whose place the child acts from then on). A third only waits for them, and writes out what they
// said when all is over. All that they use themselves is in memory by then, so that each count is
// the script's own.
//
//   r|w|rw ADDRESS PAGES   touches a byte of each page       pages ADDRESS PAGES  what is there
//   file N PAGES           /mnt/fN, written and synced       maps                 smaps, in short
//   memfd N PAGES          a file in memory, of zeros
//   evict N                its pages leave memory            wait                 reads are done
//   mmap's descriptor is N of a file, or -1; an address may be brk+N or stack-N.
//
//   gcc -O2 -static -o fault_steps fault_steps.c;  fault_steps SCRIPT > LOG
//   (as root, ext4 at /mnt, norandmaps, THP never)
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "steps.h"

static struct { char text[4 << 20]; size_t used; } *log_;  // shared with the child
static char script[1 << 19], text[1 << 16];
static struct { unsigned long start, end; int writable; } base[24];
static int bases, files[8], to_child[2], from_child[2], vmstat, in_child;
static pid_t child;
static unsigned long arg[6], first_brk, stack_start;
static sigjmp_buf jump;

static void say(const char *format, ...) {
  va_list list;
  va_start(list, format);
  log_->used += vsnprintf(log_->text + log_->used, 1024, format, list);
  va_end(list);
}

// Everything of the program's own is in memory, and after a fork nobody else's.
static void settle(void) {
  for (int i = 0; i < bases; ++i)
    for (unsigned long at = base[i].start; at < base[i].end; at += kPage) {
      char byte = *(volatile char *)at;
      if (base[i].writable) *(volatile char *)at = byte;
    }
}
static void find_base(void) {
  slurp("/proc/self/maps", text, sizeof text);
  for (char *line = strtok(text, "\n"); line; line = strtok(0, "\n")) {
    char rights[8];
    if (strstr(line, "[v")) continue;
    sscanf(line, "%lx-%lx %7s", &base[bases].start, &base[bases].end, rights);
    base[bases].writable = rights[1] == 'w';
    if (strstr(line, "[stack]")) stack_start = base[bases].start;
    if (rights[0] == 'r') ++bases;
  }
}

struct counts { unsigned long fault, major, own, own_major; };
static struct counts count(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  text[pread(vmstat, text, sizeof text - 1, 0)] = 0;
  return (struct counts){strtoul(strstr(text, "\npgfault ") + 9, 0, 10),
                         strtoul(strstr(text, "\npgmajfault ") + 12, 0, 10),
                         usage.ru_minflt, usage.ru_majflt};
}

// "m START-END RIGHTS OFFSET.. | Rss Pss Shared_Clean Shared_Dirty Private_Clean Private_Dirty
// Referenced Anonymous Locked | VmFlags", in KiB.
// The program's own files are only in the first one.
static void show_maps(void) {
  static int shown;
  int skipped = 0;
  static const char *const kRows[] = {"Rss:", "Pss:", "Shared_Clean:", "Shared_Dirty:",
                                      "Private_Clean:", "Private_Dirty:", "Referenced:",
                                      "Anonymous:", "Locked:"};
  slurp("/proc/self/smaps", text, sizeof text);
  for (char *row = strtok(text, "\n"); row; row = strtok(0, "\n")) {
    if ((*row >= '0' && *row <= '9') || (*row >= 'a' && *row <= 'f')) {
      skipped = shown && (strstr(row, " [v") || strstr(row, "/fault_steps") ||
                          !strncmp(row, "7000", 4));
      if (!skipped) say("m %s |", row);
    }
    if (skipped) continue;
    for (int i = 0; i < 9; ++i)
      if (!strncmp(row, kRows[i], strlen(kRows[i])))
        say(" %ld", strtol(strchr(row, ':') + 1, 0, 10));
    if (!strncmp(row, "VmFlags:", 8)) say(" | %s\n", row + 9);
  }
  shown = 1;
}
// "p START PAGES WORD-without-frame kpagecount kpageflags" for each run of pages that are alike.
static void show_pages(void) {
  uint64_t now[3], last[3] = {0};
  unsigned long start = arg[0], end = arg[0] + arg[1] * kPage;
  for (unsigned long at = start; at <= end; at += kPage) {
    if (at < end) {
      uint64_t entry = word("/proc/self/pagemap", at / kPage), frame = entry & kFrames;
      now[0] = entry & ~kFrames;
      now[1] = entry >> 63 ? word("/proc/kpagecount", frame) : 0;
      now[2] = entry >> 63 ? word("/proc/kpageflags", frame) : 0;
    }
    if (at > start && (at == end || memcmp(now, last, sizeof now))) {
      say("p %lx %lu %lx %lu %lx\n", start, (at - start) / kPage, last[0], last[1], last[2]);
      start = at;
    }
    memcpy(last, now, sizeof now);
  }
}

static void on_signal(int number) { siglongjmp(jump, number); }
static long touch(const char *how) {
  int number = sigsetjmp(jump, 1);
  if (number) return -number;
  for (unsigned long i = 0; i < arg[1]; ++i) {
    volatile char *at = (char *)arg[0] + i * kPage;
    if (*how == 'r') (void)*at;
    if (strchr(how, 'w')) *at = 7;
  }
  return 0;
}

static long make_file(void) {
  char path[32];
  snprintf(path, sizeof path, "/mnt/f%lu", arg[0]);
  const int fd = files[arg[0]] = open(path, O_RDWR | O_CREAT, 0600);
  memset(text, 'f', kPage);
  for (unsigned long i = 0; i < arg[1]; ++i)
    if (pwrite(fd, text, kPage, (off_t)(i * kPage)) != kPage) return -1;
  return fsync(fd);
}
static long make_memfd(void) {
  files[arg[0]] = memfd_create("memfd", 0);
  return ftruncate(files[arg[0]], (off_t)(arg[1] * kPage));
}
static long evict(int fd) { return fsync(fd) || posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED); }

static long start_child(void) {
  if (pipe(to_child) || pipe(from_child)) _exit(5);
  child = fork();
  in_child = child == 0;
  close(in_child ? to_child[1] : to_child[0]);
  close(in_child ? from_child[0] : from_child[1]);
  settle();
  char byte = 0;
  if (in_child) return write(from_child[1], &byte, 1) - 1;
  return read(from_child[0], &byte, 1) - 1;
}
static long end_child(void) {
  int status;
  close(to_child[1]);
  close(from_child[0]);
  waitpid(child, &status, 0);
  return status;
}

static long call(const char *op) {
  const int fd = arg[4] < 8 ? files[arg[4]] : -1;
  if (!strcmp(op, "mmap")) return syscall(SYS_mmap, arg[0], arg[1], arg[2], arg[3], fd, arg[5]);
  if (!strcmp(op, "r") || !strcmp(op, "w") || !strcmp(op, "rw")) return touch(op);
  if (!strcmp(op, "fork")) return start_child();
  if (!strcmp(op, "exit")) return end_child();
  if (!strcmp(op, "succeed")) _exit(0);
  if (!strcmp(op, "file")) return make_file();
  if (!strcmp(op, "memfd")) return make_memfd();
  if (!strcmp(op, "evict")) return evict(files[arg[0]]);
  if (!strcmp(op, "fsync")) return fsync(files[arg[0]]);
  if (!strcmp(op, "ftruncate")) return ftruncate(files[arg[0]], (off_t)arg[1]);
  if (!strcmp(op, "pread")) return pread(files[arg[0]], text, arg[2], (off_t)arg[1]);
  if (!strcmp(op, "pwrite")) return pwrite(files[arg[0]], text, arg[2], (off_t)arg[1]);
  if (!strcmp(op, "wait")) return usleep(100000);
  return plain_call(op, arg);
}

static unsigned long number(const char *word) {
  if (!strncmp(word, "brk", 3)) return first_brk + strtoull(word + 3, 0, 0);
  if (!strncmp(word, "stack", 5)) return stack_start + strtoull(word + 5, 0, 0);
  return strtoull(word, 0, 0);
}
static void run(const char *line) {
  static char copy[256];
  char *words[8];
  snprintf(copy, sizeof copy, "%s", line + (strncmp(line, "c ", 2) ? 0 : 2));
  const int n = cut(copy, words, 8);
  if (n == 0 || words[0][0] == '#') return;
  for (int i = 0; i < 6; ++i) arg[i] = i + 1 < n ? number(words[i + 1]) : 0;
  if (strcmp(words[0], "succeed")) say("%s", line);  // by who succeeds
  if (!strcmp(words[0], "maps") || !strcmp(words[0], "pages")) {
    say("\n");
    return words[0][0] == 'm' ? show_maps() : show_pages();
  }
  errno = 0;
  const struct counts before = count();
  long result = call(words[0]);
  if (result == -1 && errno) result = -errno;
  if (in_child && !strcmp(words[0], "fork")) return;
  const struct counts after = count();
  if (result < 0 && result > -4096) say(" = %ld", result);
  else say(" = 0x%lx", result);
  say(" | %lu %lu %lu %lu\n", after.fault - before.fault, after.major - before.major,
      after.own - before.own, after.own_major - before.own_major);
}

// The child waits for a byte, runs the next of its lines, and says that it has. Where the script
// goes on when it succeeds its parent, which has taken its memory away by the time it is reaped.
static char *lines[1 << 14];
static int be_child(int at) {
  char byte;
  const pid_t parent = getppid();
  for (; lines[at]; ++at) {
    if (!strncmp(lines[at], "exit", 4)) break;
    if (!strncmp(lines[at], "succeed", 7)) {
      while (getppid() == parent) usleep(1000);
      close(to_child[0]);
      close(from_child[1]);
      in_child = 0;
      say("succeed = 0x0 | 0 0 0 0\n");
      return at;
    }
    if (strncmp(lines[at], "c ", 2)) continue;
    if (read(to_child[0], &byte, 1) != 1) break;
    run(lines[at]);
    if (write(from_child[1], &byte, 1) != 1) break;
  }
  _exit(0);
}
static void act(void) {
  char byte = 0;
  for (int i = 0; lines[i]; ++i) {
    if (strncmp(lines[i], "c ", 2)) {
      run(lines[i]);
      if (in_child) i = be_child(i + 1);
    } else if (write(to_child[1], &byte, 1) != 1 || read(from_child[0], &byte, 1) != 1) {
      _exit(6);
    }
  }
  _exit(0);
}

// `file` is the log, which all of them share.
static void start(const char *path, int file) {
  volatile char deep[1 << 16];
  int used = 0;
  for (size_t i = 0; i < sizeof deep; i += kPage) deep[i] = 0;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  log_ = mmap((void *)0x700000000000, sizeof *log_, PROT_READ | PROT_WRITE,
              MAP_SHARED | MAP_POPULATE, file, 0);
  vmstat = open("/proc/vmstat", O_RDONLY);
  first_brk = (unsigned long)sbrk(0);
  find_base();
  slurp(path, script, sizeof script);
  for (char *line = strtok(script, "\n"); line; line = strtok(0, "\n")) lines[used++] = line;
  settle();
  say("s start_brk 0x%lx\ns brk 0x%lx\ns stack 0x%lx\nbase\n", first_brk, first_brk, stack_start);
  show_maps();
  act();
}

int main(int argc, char **argv) {
  if (argc == 3) start(argv[1], atoi(argv[2]));
  if (argc != 2) return 2;
  char number[16];
  const int file = memfd_create("log", 0);
  if (file < 0 || ftruncate(file, sizeof *log_)) return 3;
  snprintf(number, sizeof number, "%d", file);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (fork() == 0) execl("/proc/self/exe", argv[0], argv[1], number, (char *)0);
  int status, worst = 0;
  while (wait(&status) > 0) worst |= status;
  log_ = mmap(0, sizeof *log_, PROT_READ, MAP_SHARED, file, 0);
  for (size_t at = 0; at < log_->used;) at += write(1, log_->text + at, log_->used - at);
  return worst != 0;
}
