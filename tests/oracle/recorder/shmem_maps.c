// The rows of maps, numa_maps and smaps of mappings of memory without a file of a disk: memfd,
// shared anonymous memory and /dev/zero, in the order in which they were made.
//
//   gcc -O2 -static -o shmem_maps shmem_maps.c;  shmem_maps > LOG    (norandmaps)
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kPage = 4096, kRW = PROT_READ | PROT_WRITE };

static char *map(unsigned long at, int flags, int fd, long offset) {
  char *p = mmap((void *)at, 2 * kPage, kRW, MAP_FIXED | flags, fd, offset);
  if (p == MAP_FAILED) perror("mmap"), _exit(1);
  p[0] = 1;
  return p;
}
static void show(const char *path) {
  char line[512];
  FILE *f = fopen(path, "r");
  printf("== %s\n", path);
  while (f != NULL && fgets(line, sizeof line, f))
    if (strncmp(line, "100", 3) == 0) fputs(line, stdout);
  if (f != NULL) fclose(f);
}
static int memfd(const char *name) {
  const int fd = memfd_create(name, 0);
  if (fd < 0 || ftruncate(fd, 4 * kPage)) perror("memfd"), _exit(2);
  struct stat s;
  fstat(fd, &s);
  printf("memfd %s: dev %lx inode %lu mode %o\n", name, (unsigned long)s.st_dev,
         (unsigned long)s.st_ino, s.st_mode);
  return fd;
}

int main(void) {
  const int first = memfd("first"), second = memfd("a second one"), none = memfd("");
  map(0x10000000, MAP_SHARED, first, 0);
  map(0x10010000, MAP_PRIVATE, first, 0);
  map(0x10020000, MAP_SHARED, second, kPage);
  map(0x10030000, MAP_SHARED, none, 0);
  map(0x10040000, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  map(0x10050000, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  const int zero = open("/dev/zero", O_RDWR);
  if (zero < 0) perror("/dev/zero");
  map(0x10060000, MAP_SHARED, zero, 0);
  map(0x10070000, MAP_PRIVATE, zero, 0);
  map(0x10080000, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  map(0x10090000, MAP_SHARED, memfd("last"), 0);
  const int disk = open("/tmpfile", O_RDWR | O_CREAT, 0600);
  if (disk < 0 || ftruncate(disk, 4 * kPage)) perror("/tmpfile");
  map(0x100a0000, MAP_SHARED, disk, 0);
  unlink("/tmpfile");
  map(0x100b0000, MAP_SHARED, disk, 0);
  show("/proc/self/maps");
  show("/proc/self/numa_maps");
  return 0;
}
