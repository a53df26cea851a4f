#define _GNU_SOURCE
#include "tell.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static char vmstat[16384];
static char smaps[65536];

static int take(const char* path, char* text, int room) {
  int fd = open(path, O_RDONLY), length = 0, got;
  while ((got = read(fd, text + length, room - length)) > 0) length += got;
  close(fd);
  return length;
}

static void put(const char* text, int length) {
  while (length > 0) {
    int done = write(1, text, length);
    if (done <= 0) _exit(99);
    text += done;
    length -= done;
  }
}

void tell(const char* name) {
  memset(vmstat, 1, sizeof vmstat);
  memset(smaps, 1, sizeof smaps);
  int in_vmstat = take("/proc/vmstat", vmstat, sizeof vmstat);
  struct rusage use;
  getrusage(RUSAGE_SELF, &use);
  int in_smaps = take("/proc/self/smaps", smaps, sizeof smaps);
  char line[128];
  put(line, snprintf(line, sizeof line, "TELL %s\nminflt %ld\nmajflt %ld\n", name, use.ru_minflt,
                     use.ru_majflt));
  put(vmstat, in_vmstat);
  put(smaps, in_smaps);
  put("END\n", 4);
}

__attribute__((destructor)) static void at_the_end(void) { tell("end"); }
