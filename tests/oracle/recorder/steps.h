// What the programs share that run on the reference kernel and tell what it did.
#pragma once
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { kPage = 4096 };

// A file's text, with a zero behind it.
static inline char *slurp(const char *path, char *buffer, size_t size) {
  size_t length = 0;
  ssize_t n;
  int fd = open(path, O_RDONLY);
  if (fd < 0) _exit(4);
  while ((n = read(fd, buffer + length, size - 1 - length)) > 0) length += n;
  close(fd);
  buffer[length] = 0;
  return buffer;
}

// The word `number` of /proc/self/pagemap, /proc/kpagecount or /proc/kpageflags.
static inline uint64_t word(const char *path, uint64_t number) {
  uint64_t value = 0;
  int fd = open(path, O_RDONLY);
  if (pread(fd, &value, 8, (off_t)(number * 8)) != 8) value = 0xbad;
  close(fd);
  return value;
}
static const uint64_t kFrames = ((uint64_t)1 << 55) - 1;  // of a word of pagemap

// The words of a line, which is cut into them. How many.
static inline int cut(char *line, char **words, int most) {
  int count = 0;
  for (char *at = strtok(line, " "); at && count < most; at = strtok(0, " ")) words[count++] = at;
  return count;
}

// A call that takes numbers alone, by its name; -999: none is called so.
static inline long plain_call(const char *name, const unsigned long *arg) {
  static const struct { const char *name; long number; } kCalls[] = {
      {"munmap", SYS_munmap}, {"mprotect", SYS_mprotect}, {"madvise", SYS_madvise},
      {"mlock", SYS_mlock}, {"mlock2", SYS_mlock2}, {"munlock", SYS_munlock},
      {"mlockall", SYS_mlockall}, {"munlockall", SYS_munlockall}, {"msync", SYS_msync},
      {"brk", SYS_brk}, {"mremap", SYS_mremap}};
  for (size_t i = 0; i < sizeof kCalls / sizeof *kCalls; ++i)
    if (!strcmp(name, kCalls[i].name))
      return syscall(kCalls[i].number, arg[0], arg[1], arg[2], arg[3], arg[4]);
  return -999;
}
