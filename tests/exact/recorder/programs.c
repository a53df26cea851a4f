// programs NAME [FILE]: small programs whose faults are known. What they do is the same wherever
// they run: no time, no addresses, no chance.
#define _GNU_SOURCE
#include <pthread.h>
#include <string.h>

#include "programs.h"
#include "tell.h"

// Each page once.
static void once(void) {
  volatile char* at = map(1000, kOwn);
  tell("mapped");
  write_pages((struct pages){at, 0, 1000, 1});
  tell("written");
  write_pages((struct pages){at, 0, 1000, 1});
  tell("again");
  munmap((void*)(at + 300 * kPage), 100 * kPage);
}

// The page of zeros first, then one's own; a part of them dropped, and read again.
static void read_write(void) {
  volatile char* at = map(800, kOwn);
  read_pages((struct pages){at, 0, 600, 1});
  tell("read");
  write_pages((struct pages){at, 0, 600, 2});
  tell("every second written");
  madvise((void*)at, 200 * kPage, MADV_DONTNEED);
  read_pages((struct pages){at, 0, 400, 1});
  tell("dropped and read");
  mprotect((void*)(at + 400 * kPage), 200 * kPage, PROT_READ);
  read_pages((struct pages){at, 400, 600, 1});
  mprotect((void*)(at + 400 * kPage), 200 * kPage, PROT_READ | PROT_WRITE);
  write_pages((struct pages){at, 400, 800, 1});
}

// Parent and children write to what they share, before, beside and after each other.
static void forks(void) {
  volatile char* own = map(400, kOwn);
  volatile char* shared = map(100, kShared);
  write_pages((struct pages){own, 0, 300, 1});
  write_pages((struct pages){shared, 0, 50, 1});
  pid_t child = fork();
  if (child == 0) {
    write_pages((struct pages){own, 0, 100, 1});
    write_pages((struct pages){own, 300, 350, 1});
    write_pages((struct pages){shared, 25, 75, 1});
    read_pages((struct pages){own, 100, 200, 1});
    pid_t grandchild = fork();
    if (grandchild == 0) {
      write_pages((struct pages){own, 50, 150, 1});
      munmap((void*)(own + 200 * kPage), 50 * kPage);
      _exit(read_pages((struct pages){shared, 0, 100, 1}) == 0);
    }
    join(grandchild);
    write_pages((struct pages){own, 0, 200, 1});
    _exit(0);
  }
  join(child);
  tell("child gone");
  write_pages((struct pages){own, 0, 400, 2});
  read_pages((struct pages){shared, 0, 100, 1});
  tell("parent written");
  for (int i = 0; i < 3; ++i) {
    child = fork();
    if (child == 0) _exit(read_pages((struct pages){own, 0, 400, 1}) == 0);
    join(child);
  }
  write_pages((struct pages){own, 0, 400, 1});
}

// read() at places, then mappings of the same file, then of parts that nobody has read.
static void files(void) {
  static char buffer[16 * kPage];
  int fd = open(file, O_RDONLY);
  if (fd < 0) die(file);
  for (int i = 0; i < 16; ++i)
    if (pread(fd, buffer, sizeof buffer, (off_t)i * sizeof buffer) != sizeof buffer) die("pread");
  close(fd);
  tell("256 pages read");
  volatile char* at = map_file(1024, kOwn, kRead);
  read_pages((struct pages){at, 0, 256, 1});
  tell("the same mapped");
  read_pages((struct pages){at, 256, 640, 1});
  tell("on, in order");
  for (int i = 1000; i >= 700; i -= 37) read_pages((struct pages){at, i, i + 1, 1});
  tell("backwards");
  volatile char* copy = map_file(1024, kOwn, kReadWrite);
  read_pages((struct pages){copy, 0, 64, 1});
  write_pages((struct pages){copy, 32, 128, 1});
  tell("copied");
  volatile char* shown = map_file(1024, kShared, kReadWrite);
  write_pages((struct pages){shown, 100, 200, 1});
  read_pages((struct pages){shown, 150, 250, 1});
  tell("shared and written");
  if (msync((void*)shown, 1024 * kPage, MS_SYNC)) die("msync");
  write_pages((struct pages){shown, 100, 120, 1});
}

// malloc's heap and mappings, large and small; a stack that grows.
static int deep(int depth) {
  volatile char frame[2 * kPage];
  frame[0] = frame[kPage] = 1;
  return depth == 0 ? 0 : deep(depth - 1) + frame[0];
}

static void heap(void) {
  char* parts[64];
  for (int i = 0; i < 64; ++i) memset(parts[i] = malloc(1000 + 700 * i), 1, 1000 + 700 * i);
  tell("small");
  for (int i = 0; i < 64; i += 2) free(parts[i]);
  for (int i = 1; i < 64; i += 2) parts[i] = realloc(parts[i], 3000 + 900 * i);
  tell("moved");
  char* large = malloc(300 * kPage);
  memset(large, 1, 300 * kPage);
  large = realloc(large, 700 * kPage);
  memset(large + 300 * kPage, 1, 100 * kPage);
  large = realloc(large, 200 * kPage);
  tell("large");
  for (int i = 1; i < 64; i += 2) free(parts[i]);
  free(large);
  deep(200);
  tell("deep");
  char* zeros = calloc(100, kPage);
  read_pages((struct pages){zeros, 0, 100, 1});
  free(zeros);
}

// One after the other, so that nothing is left to chance.
static void* work(void* shared) {
  write_pages((struct pages){shared, 0, 100, 1});
  char* own = malloc(50 * kPage);
  memset(own, 1, 50 * kPage);
  free(own);
  return (void*)(long)deep(20);
}

static void threads(void) {
  volatile char* at = map(300, kOwn);
  for (int i = 0; i < 3; ++i) {
    pthread_t thread;
    if (pthread_create(&thread, 0, work, (void*)(at + (size_t)i * 50 * kPage))) die("thread");
    pthread_join(thread, 0);
    tell("joined");
  }
}

// A child that becomes another program, which forks again.
static void execs(char* self) {
  volatile char* at = map(200, kOwn);
  write_pages((struct pages){at, 0, 200, 1});
  for (int i = 0; i < 2; ++i) {
    pid_t child = fork();
    if (child == 0) {
      write_pages((struct pages){at, 0, 20, 1});
      execl(self, self, "quiet", (char*)0);
      _exit(1);
    }
    join(child);
    tell("child gone");
  }
  write_pages((struct pages){at, 0, 200, 1});
}

static void quiet(void) {
  write_pages((struct pages){map(100, kOwn), 0, 100, 1});
  _exit(0);
}

int main(int count, char** arguments) {
  const char* name = count > 1 ? arguments[1] : "";
  file = count > 2 ? arguments[2] : "";
  if (strcmp(name, "quiet") == 0) quiet();
  tell("main");
  if (strcmp(name, "once") == 0) once();
  else if (strcmp(name, "read_write") == 0) read_write();
  else if (strcmp(name, "forks") == 0) forks();
  else if (strcmp(name, "files") == 0) files();
  else if (strcmp(name, "heap") == 0) heap();
  else if (strcmp(name, "threads") == 0) threads();
  else if (strcmp(name, "execs") == 0) execs(arguments[0]);
  else return fprintf(stderr, "%s: no such program\n", name), 2;
  return 0;
}
