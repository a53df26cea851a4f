// What the recorded programs share: mappings at places of their own, and pages touched in order.
#pragma once

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kPage = 4096 };

static const char* file;

static void die(const char* what) {
  perror(what);
  exit(1);
}

// The next address: where a mapping lies decides which pages Linux maps around a fault.
static void* place(int pages) {
  static char* next = (char*)0x100000000;
  void* at = next;
  next += ((size_t)pages * kPage + 0x1fffff) & ~(size_t)0xfffff;
  return at;
}

enum sharing { kOwn = MAP_PRIVATE, kShared = MAP_SHARED };
enum access { kRead = PROT_READ, kReadWrite = PROT_READ | PROT_WRITE };

static volatile char* map(int pages, enum sharing sharing) {
  void* at = mmap(place(pages), (size_t)pages * kPage, kReadWrite,
                  sharing | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (at == MAP_FAILED) die("mmap");
  return at;
}

static volatile char* map_file(int pages, enum sharing sharing, enum access access) {
  int fd = open(file, access == kReadWrite ? O_RDWR : O_RDONLY);
  void* at = mmap(place(pages), (size_t)pages * kPage, access, sharing | MAP_FIXED_NOREPLACE,
                  fd, 0);
  if (fd < 0 || at == MAP_FAILED) die(file);
  close(fd);
  return at;
}

struct pages {
  volatile char* at;
  int first, last, step;
};

static void write_pages(struct pages of) {
  for (int i = of.first; i < of.last; i += of.step) of.at[(size_t)i * kPage] = 1 + i % 100;
}

static int read_pages(struct pages of) {
  int sum = 0;
  for (int i = of.first; i < of.last; i += of.step) sum += of.at[(size_t)i * kPage];
  return sum;
}

static void join(pid_t child) {
  int status;
  if (child < 0) die("fork");
  if (waitpid(child, &status, 0) < 0 || status != 0) die("child");
}
