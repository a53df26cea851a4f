// Runs a script of memory calls and says what the kernel answered: each line of the script, then
// " = " and the result (hex, or minus an errno), and for `maps` the address space as it is.
// A number may be $, the last place that mmap or mremap gave, or $+N.
//
//   gcc -O2 -static -o mm_calls mm_calls.c;  mm_calls SCRIPT > LOG    (norandmaps, THP never)
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "steps.h"

static char script[1 << 20], text[1 << 16], out[1 << 14];
static size_t used;
static unsigned long last, arg[6];
static sigjmp_buf jump;

static void flush(void) {
  for (size_t at = 0; at < used;) {
    ssize_t n = write(1, out + at, used - at);
    if (n <= 0) _exit(3);
    at += n;
  }
  used = 0;
}
static void say(const char *format, ...) {
  va_list list;
  if (used > sizeof out - 1024) flush();
  va_start(list, format);
  used += vsnprintf(out + used, 1024, format, list);
  va_end(list);
}

// "m START-END PERMS OFFSET NAME" with "Rss Anonymous Locked" in KiB and the VmFlags, and totals.
static void show_maps(void) {
  static char row[4096];
  int fd = open("/proc/self/smaps", O_RDONLY);
  ssize_t n;
  size_t length = 0;
  while ((n = read(fd, text, sizeof text)) > 0)
    for (ssize_t i = 0; i < n; ++i) {
      row[length++] = text[i];
      if (text[i] != '\n') continue;
      row[length - 1] = 0;
      length = 0;
      if ((row[0] >= '0' && row[0] <= '9') || (row[0] >= 'a' && row[0] <= 'f')) say("m %s", row);
      if (!strncmp(row, "Rss:", 4) || !strncmp(row, "Anonymous:", 10) || !strncmp(row, "Locked:", 7))
        say(" | %ld", strtol(strchr(row, ':') + 1, 0, 10));
      if (!strncmp(row, "VmFlags:", 8)) say(" | %s\n", row + 9);
    }
  close(fd);
  slurp("/proc/self/status", text, sizeof text);
  static const char *const kRows[] = {"VmSize:", "VmLck:", "VmData:", "VmStk:"};
  for (int i = 0; i < 4; ++i) {
    char *at = strstr(text, kRows[i]);
    say("t %s %ld\n", kRows[i], strtol(at + strlen(kRows[i]), 0, 10));
  }
}

static void on_signal(int number) { siglongjmp(jump, number); }

static long touch(unsigned long at, int write) {
  int number = sigsetjmp(jump, 1);
  if (number) return -number;
  if (write) *(volatile char *)at = *(volatile char *)at;
  else (void)*(volatile char *)at;
  return 0;
}

// The rest of the script is the child's.
static long go_on_in_child(void) {
  flush();
  pid_t child = fork();
  if (child == 0) return 0;
  int status;
  waitpid(child, &status, 0);
  _exit(WEXITSTATUS(status));
}

static long set_sysctl(const char *name) {
  char path[256];
  snprintf(path, sizeof path, "/proc/sys/vm/%s", name);
  int fd = open(path, O_WRONLY);
  int n = snprintf(path, sizeof path, "%lu", arg[1]);
  long result = write(fd, path, n) == n ? 0 : -1;
  close(fd);
  return result;
}
static long set_limit(void) {
  struct rlimit limit;
  getrlimit(arg[0], &limit);
  limit.rlim_cur = arg[1];
  return setrlimit(arg[0], &limit);
}
static long show_resident(void) {
  static unsigned char there[256];
  memset(there, 9, sizeof there);
  long result = syscall(SYS_mincore, arg[0], arg[1], there);
  say(" [");
  for (int i = 0; i < 256 && there[i] != 9; ++i) say("%d", there[i] & 1);
  say("]");
  return result;
}

static long call(const char *op, const char *first) {
  if (!strcmp(op, "mmap")) return syscall(SYS_mmap, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
  if (!strcmp(op, "mincore")) return show_resident();
  if (!strcmp(op, "read")) return touch(arg[0], 0);
  if (!strcmp(op, "write")) return touch(arg[0], 1);
  if (!strcmp(op, "fork")) return go_on_in_child();
  if (!strcmp(op, "sysctl")) return set_sysctl(first);
  if (!strcmp(op, "rlimit")) return set_limit();
  if (!strcmp(op, "drop")) {
    long result = setresuid(65534, 65534, 65534);
    prctl(PR_SET_DUMPABLE, 1);
    return result;
  }
  return plain_call(op, arg);
}

static unsigned long number(const char *word) {
  if (*word != '$') return strtoull(word, 0, 0);
  return last + (word[1] == '+' ? strtoull(word + 2, 0, 0) : 0);
}

static void run(char *line) {
  static char copy[512];
  char *words[8];
  snprintf(copy, sizeof copy, "%s", line);
  const int count = cut(line, words, 8);
  if (count == 0 || words[0][0] == '#') return;
  for (int i = 0; i < 6; ++i) arg[i] = i + 1 < count ? number(words[i + 1]) : 0;
  say("%s", copy);
  if (!strcmp(words[0], "maps")) {
    say("\n");
    show_maps();
    return;
  }
  errno = 0;
  long result = call(words[0], count > 1 ? words[1] : "");
  if (result == -1 && errno) result = -errno;
  if (result < 0 && result > -4096) say(" = %ld\n", result);
  else say(" = 0x%lx\n", result);
  if ((!strcmp(words[0], "mmap") || !strcmp(words[0], "mremap")) && !(result < 0 && result > -4096))
    last = result;
}

static void show_start(void) {
  unsigned long field[60] = {0};
  slurp("/proc/self/stat", text, sizeof text);
  int i = 2;
  for (char *word = strtok(strrchr(text, ')') + 1, " "); word && i < 60; word = strtok(0, " "))
    field[i++] = strtoull(word, 0, 10);
  say("s start_data 0x%lx\ns end_data 0x%lx\ns start_brk 0x%lx\ns brk 0x%lx\ns start_stack 0x%lx\n",
      field[44], field[45], field[46], syscall(SYS_brk, 0), field[27]);
  slurp("/proc/meminfo", text, sizeof text);
  say("s ram_kb 0x%lx\n", strtol(strstr(text, "MemTotal:") + 9, 0, 10));
}

int main(int argc, char **argv) {
  volatile char deep[1 << 16];
  for (size_t i = 0; i < sizeof deep; i += 4096) deep[i] = 0;
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_NODEFER};
  sigaction(SIGSEGV, &action, 0);
  sigaction(SIGBUS, &action, 0);
  if (argc != 2) return 2;
  slurp(argv[1], script, sizeof script);
  show_start();
  run(strcpy(text + sizeof text - 8, "maps"));
  char *next;
  for (char *line = script; *line; line = next) {
    char *end = strchr(line, '\n');
    next = end ? end + 1 : line + strlen(line);
    if (end) *end = 0;
    run(line);
  }
  flush();
  return 0;
}
