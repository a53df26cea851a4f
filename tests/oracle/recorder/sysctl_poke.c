/* Writes good and bad values to every file of /proc/sys/vm and prints what became of them:
   name <tab> "value" <tab> ok|ERRNO <tab> "value read afterwards". Each file gets its first value back. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const char *const common[] = {"", "\n", " ", "abc", "-1", "0", "1", "2", "3", "4", "8", "10", "100", "101", "200", "201", "1000", " 5", "5 ", "5\n", "\t6\n", "5 6",
  "5,6", "5abc", "abc5", "0x10", "0X1f", "010", "+5", "--5", "1.5", "2147483647", "2147483648", "-2147483648", "-2147483649", "4294967295", "4294967296",
  "9223372036854775807", "9223372036854775808", "18446744073709551615", "18446744073709551616", "99999999999999999999999999", 0};
static const char *const min_free[] = {"", "\n", "abc", "-1", "0", "1", "2", "63", "64", "127", "128", "129", "1000", "4096", " 5000", "5000 ", "5000\n", "5000 6000", "5000abc", "0x1000",
  "010000", "+5000", "1.5", "-2147483648", "2147483648", "4294967295", "4294967296", "18446744073709551615", "99999999999999999999999999", "65536", "100000", 0};
static const char *const scale[] = {"", "abc", "-1", "0", "1", "9", "10", "11", "100", "999", "1000", "1001", "2999", "3000", "3001", "10 20", "10x", "0x10", "4294967306", 0};
static const char *const boost[] = {"", "abc", "-1", "0", "1", "5000", "10000", "14999", "15000", "15001", "100000", "2147483647", "2147483648", "4294967296", "0x10", 0};
static const char *const fraction[] = {"", "abc", "-1", "0", "1", "2", "7", "8", "9", "10", "100", "100000", "2147483647", "2147483648", "0x10", "8 9", 0};
static const char *const ratio[] = {"", "\n", "abc", "-1", "0", "1", "2", "256", "1 2", "1\t2", "1,2", "1 2 3", "1 2 3 4", "1 2 3 4 5", "1 2 3 4 5 6", "1 2 3 4 5 abc", "1 2 abc", "1 -2 3", "-5 -5 -5 -5 -5",
  "0 0 0 0 0", "2147483647 1 1 1 1", "2147483648 1 1 1 1", "256 256 32 0 0 ", " 256 256 32 0 0\n", "0x10 010 1 1 1", 0};
static const char *const hugepages[] = {"", "abc", "-1", "0", "1", "3", "0x2", "2 3", "+1", "2x", "18446744073709551616", 0};
static const char *const page_cluster[] = {"", "abc", "-1", "0", "3", "31", "32", "33", 0};

static const char *error_name(int e) { return strerrorname_np(e); }
static void quote(const char *s, ssize_t n) {
  putchar('"');
  for (ssize_t i = 0; i < n; i++)
    if (s[i] == '\n') printf("\\n");
    else if (s[i] == '\t') printf("\\t");
    else putchar(s[i]);
  putchar('"');
}
static ssize_t get(const char *path, char *to, size_t cap, int *err) {
  int fd = open(path, O_RDONLY);
  if (fd < 0) { *err = errno; return -1; }
  ssize_t n = read(fd, to, cap);
  *err = errno;
  close(fd);
  return n;
}
static void try(const char *name, const char *path, const char *value) {
  char now[4096];
  int err = 0, fd = open(path, O_WRONLY);
  printf("%s\t", name);
  quote(value, strlen(value));
  if (fd < 0) printf("\topen:%s", error_name(errno));
  else {
    ssize_t n = write(fd, value, strlen(value));
    if (n < 0) printf("\t%s", error_name(errno));
    else if (n != (ssize_t)strlen(value)) printf("\tok(%zd of %zu)", n, strlen(value));
    else printf("\tok");
    close(fd);
  }
  putchar('\t');
  ssize_t n = get(path, now, sizeof now, &err);
  if (n < 0) printf("read:%s", error_name(err)); else quote(now, n);
  putchar('\n');
  fflush(stdout);
}
static void all(const char *name, const char *path) {
  char first[4096];
  int err = 0;
  ssize_t n = get(path, first, sizeof first - 1, &err);
  const char *const *values = common;
  if (!strcmp(name, "min_free_kbytes")) values = min_free;
  if (!strcmp(name, "watermark_scale_factor")) values = scale;
  if (!strcmp(name, "watermark_boost_factor")) values = boost;
  if (!strcmp(name, "percpu_pagelist_high_fraction")) values = fraction;
  if (!strcmp(name, "lowmem_reserve_ratio")) values = ratio;
  if (strstr(name, "hugepages")) values = hugepages;
  if (!strcmp(name, "page-cluster")) values = page_cluster;
  printf("# %s starts as ", name);
  if (n < 0) printf("unreadable (%s)", error_name(err)); else quote(first, n);
  putchar('\n');
  for (int i = 0; values[i]; i++) try(name, path, values[i]);
  if (n > 0) {
    first[n] = 0;
    int fd = open(path, O_WRONLY);
    if (fd >= 0) { if (write(fd, first, n) < 0) printf("# %s: not put back (%s)\n", name, error_name(errno)); close(fd); }
  }
}
int main(void) {
  struct dirent **l;
  char path[512];
  mlockall(MCL_CURRENT | MCL_FUTURE);
  int m = scandir("/proc/sys/vm", &l, 0, alphasort);
  for (int i = 0; i < m; i++) {
    if (l[i]->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "/proc/sys/vm/%s", l[i]->d_name);
    all(l[i]->d_name, path);
  }
  /* THP and lru_gen switches that the tunables meet */
  static const char *const thp[] = {"never", "always", "madvise", "bad", "", "always\n", " always", "never always", 0};
  for (int i = 0; thp[i]; i++) {
    try("transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/enabled", thp[i]);
    try("min_free_kbytes(reread)", "/proc/sys/vm/min_free_kbytes", "");
  }
  static const char *const large[] = {"262143", "262144", "262145", "300000", "500000", 0};
  for (int i = 0; large[i]; i++) try("min_free_kbytes", "/proc/sys/vm/min_free_kbytes", large[i]);
  try("min_free_kbytes", "/proc/sys/vm/min_free_kbytes", "4096");
  return 0;
}
