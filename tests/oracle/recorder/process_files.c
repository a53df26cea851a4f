// Makes some mappings, touches them, forks, and shows /proc/PID/* of itself and what pagemap,
// kpagecount and kpageflags say of its pages.
//
//   gcc -O2 -static -o process_files process_files.c;  process_files > LOG
//   (as root, norandmaps, transparent_hugepage=never, cpu with "-icount" off)
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps.h"

enum { kRW = PROT_READ | PROT_WRITE };

static char *map(unsigned long at, int pages, int prot, int flags) {
  char *p = mmap((void *)at, (size_t)pages * kPage, prot,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | flags, -1, 0);
  if (p == MAP_FAILED) _exit(2);
  return p;
}
static void write_pages(char *p, int pages) {
  for (int i = 0; i < pages; ++i) p[i * kPage] = 1;
}
static void read_pages(char *p, int pages) {
  for (int i = 0; i < pages; ++i) (void)*(volatile char *)(p + i * kPage);
}
static void show(const char *name) {
  static char text[1 << 16];
  char path[64];
  ssize_t n;
  snprintf(path, sizeof path, "/proc/self/%s", name);
  printf("== %s\n", name);
  fflush(stdout);
  int fd = open(path, O_RDONLY);
  while ((n = read(fd, text, sizeof text)) > 0)
    if (write(1, text, n) != n) _exit(3);
  close(fd);
}
// "ADDRESS WORD-without-frame kpagecount kpageflags".
static void show_pages(char *p, int pages) {
  for (int i = 0; i < pages; ++i, p += kPage) {
    uint64_t entry = word("/proc/self/pagemap", (uint64_t)p / kPage);
    printf("%lx %lx", (unsigned long)p, (unsigned long)(entry & ~kFrames));
    if (entry >> 63)
      printf(" %lu %lx", (unsigned long)word("/proc/kpagecount", entry & kFrames),
             (unsigned long)word("/proc/kpageflags", entry & kFrames));
    printf("\n");
  }
}

int main(void) {
  int to_child[2], from_child[2];
  char byte = 0;
  char *const mixed = map(0x10000000, 8, kRW, 0);
  write_pages(mixed, 4);
  read_pages(mixed + 4 * kPage, 2);
  read_pages(map(0x10010000, 4, PROT_READ, 0), 1);
  map(0x10020000, 3, PROT_NONE, 0);
  write_pages(map(0x10030000, 2, kRW | PROT_EXEC, 0), 1);
  write_pages(map(0x10040000, 4, kRW, MAP_NORESERVE), 2);
  char *const locked = map(0x10050000, 3, kRW, 0);
  mlock(locked, 3 * kPage);
  static const int kAdvice[] = {MADV_DONTFORK, MADV_DONTDUMP, MADV_HUGEPAGE, MADV_NOHUGEPAGE,
                                MADV_RANDOM, MADV_SEQUENTIAL, MADV_WIPEONFORK};
  for (int i = 0; i < 7; ++i)
    if (madvise(map(0x10060000 + i * 0x10000, 2, kRW, 0), 2 * kPage, kAdvice[i])) _exit(4);
  write_pages(map(0x10100000, 4, kRW, MAP_GROWSDOWN), 2);
  char *const shared = map(0x10200000, 6, kRW, 0);
  write_pages(shared, 6);
  char *const closed = map(0x10300000, 2, kRW, 0);
  write_pages(closed, 2);
  mprotect(closed, 2 * kPage, PROT_NONE);
  char *const heap = sbrk(0);
  if (brk(heap + 16 * kPage)) _exit(5);
  if (pipe(to_child) || pipe(from_child)) _exit(6);
  static char buffer[4096];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  const pid_t child = fork();
  if (child == 0) {
    write_pages(shared, 2);
    if (write(from_child[1], &byte, 1) != 1 || read(to_child[0], &byte, 1) != 1) _exit(7);
    _exit(0);
  }
  if (read(from_child[0], &byte, 1) != 1) _exit(8);
  write_pages(shared + 2 * kPage, 1);
  static const char *const kFiles[] = {"maps", "smaps", "smaps_rollup", "statm", "status",
                                       "numa_maps"};
  for (int i = 0; i < 6; ++i) show(kFiles[i]);
  printf("== pages\n");
  show_pages(mixed, 8);
  show_pages(locked, 3);
  show_pages(shared, 6);
  show_pages(closed, 2);
  fflush(stdout);
  if (write(to_child[1], &byte, 1) != 1) _exit(9);
  return waitpid(child, 0, 0) == child ? 0 : 10;
}
