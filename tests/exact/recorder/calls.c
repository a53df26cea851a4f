// calls NAME FILE: programs that have the kernel bring pages in, move and drop them. As in
// programs.c, what they do is the same wherever they run.
#define _GNU_SOURCE
#include <string.h>

#include "programs.h"
#include "tell.h"

enum { kPopulateRead = 22, kPopulateWrite = 23 };

static void check(int failed, const char* what) {
  if (failed) die(what);
}
static void advise(volatile char* at, struct pages of, int advice) {
  check(madvise((void*)(at + (size_t)of.first * kPage), (size_t)(of.last - of.first) * kPage,
                advice), "madvise");
}
static void read_file(int pages) {
  static char buffer[16 * kPage];
  int fd = open(file, O_RDONLY);
  for (int i = 0; i < pages / 16; ++i)
    if (read(fd, buffer, sizeof buffer) != sizeof buffer) die(file);
  close(fd);
}

// Every advice about pages, on memory and on a file that is in memory.
static void advice(void) {
  volatile char* there = mmap(place(200), 200 * kPage, kReadWrite,
                              kOwn | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE | MAP_POPULATE, -1, 0);
  write_pages((struct pages){there, 0, 200, 1});
  tell("there from the beginning");
  volatile char* own = map(600, kOwn);
  write_pages((struct pages){own, 0, 300, 1});
  advise(own, (struct pages){own, 0, 100, 1}, MADV_FREE);
  read_pages((struct pages){own, 0, 50, 1});
  write_pages((struct pages){own, 40, 80, 1});
  tell("may be freed");
  advise(own, (struct pages){own, 100, 200, 1}, MADV_DONTNEED);
  write_pages((struct pages){own, 150, 220, 1});
  tell("dropped");
  advise(own, (struct pages){own, 200, 250, 1}, MADV_COLD);
  advise(own, (struct pages){own, 250, 300, 1}, MADV_PAGEOUT);
  read_pages((struct pages){own, 200, 300, 1});
  tell("cold");
  advise(own, (struct pages){own, 300, 400, 1}, kPopulateRead);
  advise(own, (struct pages){own, 350, 500, 1}, kPopulateWrite);
  write_pages((struct pages){own, 280, 600, 1});
  tell("populated");
  read_file(512);
  volatile char* shown = map_file(512, kShared, kReadWrite);
  advise(shown, (struct pages){shown, 0, 512, 1}, MADV_WILLNEED);
  read_pages((struct pages){shown, 0, 256, 5});
  advise(shown, (struct pages){shown, 0, 512, 1}, MADV_RANDOM);
  read_pages((struct pages){shown, 256, 512, 5});
  tell("file read");
  advise(shown, (struct pages){shown, 0, 128, 1}, MADV_DONTNEED);
  advise(shown, (struct pages){shown, 64, 256, 1}, kPopulateWrite);
  read_pages((struct pages){shown, 0, 300, 1});
  tell("file populated");
  volatile char* copy = map_file(512, kOwn, kReadWrite);
  advise(copy, (struct pages){copy, 0, 100, 1}, kPopulateWrite);
  advise(copy, (struct pages){copy, 50, 200, 1}, kPopulateRead);
  advise(copy, (struct pages){copy, 80, 120, 1}, MADV_DONTNEED);
  read_pages((struct pages){copy, 0, 200, 1});
  tell("copied");
  volatile char* wiped = map(100, kOwn);
  write_pages((struct pages){wiped, 0, 100, 1});
  advise(wiped, (struct pages){wiped, 0, 40, 1}, MADV_WIPEONFORK);
  advise(wiped, (struct pages){wiped, 60, 100, 1}, MADV_DONTFORK);
  pid_t child = fork();
  if (child == 0) {
    write_pages((struct pages){wiped, 0, 60, 1});
    _exit(0);
  }
  join(child);
  write_pages((struct pages){wiped, 0, 100, 1});
}

struct lengths {
  int old, now;  // pages
};

static volatile char* move(volatile char* from, struct lengths of) {
  void* at = mremap((void*)from, (size_t)of.old * kPage, (size_t)of.now * kPage,
                    MREMAP_MAYMOVE | MREMAP_FIXED, place(of.now));
  if (at == MAP_FAILED) die("mremap");
  return at;
}

// Mappings of a file and of memory that move and grow; and a file that is cut under them.
static void moved(void) {
  read_file(512);
  volatile char* shown = map_file(64, kShared, kReadWrite);
  write_pages((struct pages){shown, 0, 32, 1});
  shown = move(shown, (struct lengths){64, 128});
  read_pages((struct pages){shown, 0, 128, 1});
  tell("file moved");
  volatile char* copy = map_file(64, kOwn, kReadWrite);
  write_pages((struct pages){copy, 0, 40, 1});
  copy = move(copy, (struct lengths){64, 100});
  write_pages((struct pages){copy, 20, 100, 1});
  tell("copy moved");
  volatile char* own = map(100, kOwn);
  write_pages((struct pages){own, 0, 50, 1});
  volatile char* rest = move(own + 20 * kPage, (struct lengths){60, 200});
  write_pages((struct pages){rest, 0, 200, 1});
  read_pages((struct pages){own, 0, 20, 1});
  tell("memory moved");
  volatile char* shared = map(60, kShared);
  write_pages((struct pages){shared, 0, 60, 1});
  shared = move(shared, (struct lengths){60, 60});
  pid_t child = fork();
  if (child == 0) {
    shared = move(shared, (struct lengths){60, 30});
    write_pages((struct pages){shared, 0, 30, 1});
    _exit(0);
  }
  join(child);
  read_pages((struct pages){shared, 0, 60, 1});
  tell("shared moved");
  int fd = open(file, O_RDWR);
  check(fd < 0 || ftruncate(fd, 30 * kPage), "ftruncate");
  read_pages((struct pages){shown, 0, 30, 1});
  read_pages((struct pages){copy, 0, 30, 1});
  tell("file cut");
  check(ftruncate(fd, 512 * kPage), "ftruncate");
  write_pages((struct pages){copy, 0, 60, 1});
  tell("file as long as before");
  shown = move(shown, (struct lengths){128, 16});
  write_pages((struct pages){shown, 0, 16, 1});
  close(fd);
}

int main(int count, char** arguments) {
  const char* name = count > 1 ? arguments[1] : "";
  file = count > 2 ? arguments[2] : "";
  tell("main");
  if (strcmp(name, "advice") == 0) advice();
  else if (strcmp(name, "moved") == 0) moved();
  else return fprintf(stderr, "%s: no such program\n", name), 2;
  return 0;
}
