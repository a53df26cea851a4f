/* Asks a running kernel what its files under /sys say to good and bad values, and the questions
   about /proc/sys/vm that one value a time does not answer. Prints, for each write:
   path <tab> "bytes in one write" <tab> ok|ok(taken of given)|errno <tab> "read afterwards" */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void quote(const char *s, ssize_t n) {
  putchar('"');
  for (ssize_t i = 0; i < n; i++)
    if (s[i] == '\n') printf("\\n");
    else if (s[i] == '\t') printf("\\t");
    else if (s[i] < 32) printf("\\x%02x", s[i]);
    else putchar(s[i]);
  putchar('"');
}

static void look(const char *path) {
  char now[4096];
  int fd = open(path, O_RDONLY);
  ssize_t n = fd < 0 ? -1 : read(fd, now, sizeof now);
  if (n < 0) printf("read:%s", strerrorname_np(errno));
  else quote(now, n);
  if (fd >= 0) close(fd);
}

static void try(const char *path, const char *value) {
  int fd = open(path, O_WRONLY);
  printf("%s\t", path + 1);
  quote(value, strlen(value));
  if (fd < 0) printf("\topen:%s", strerrorname_np(errno));
  else {
    ssize_t n = write(fd, value, strlen(value));
    if (n < 0) printf("\t%s", strerrorname_np(errno));
    else if (n != (ssize_t)strlen(value)) printf("\tok(%zd of %zu)", n, strlen(value));
    else printf("\tok");
    close(fd);
  }
  putchar('\t');
  look(path);
  putchar('\n');
}

static void show(const char *path) {
  printf("%s\t-\tread\t", path + 1);
  look(path);
  putchar('\n');
}

#define VM(name) "/proc/sys/vm/" name
#define MM(name) "/sys/kernel/mm/" name
#define MEM(name) "/sys/devices/system/memory/" name

static const char *const knobs[] = {
  MM("transparent_hugepage/enabled"), MM("transparent_hugepage/defrag"),
  MM("transparent_hugepage/shmem_enabled"), MM("transparent_hugepage/use_zero_page"),
  MM("lru_gen/enabled"), MM("lru_gen/min_ttl_ms"), MM("swap/vma_ra_enabled"),
  MEM("auto_online_blocks"), 0};
static const char *const read_only[] = {
  MM("transparent_hugepage/hpage_pmd_size"), MEM("block_size_bytes"),
  "/sys/devices/system/node/node0/distance", "/sys/devices/system/node/online",
  MEM("memory0/valid_zones"), "/proc/buddyinfo", "/proc/sys/vm/no_such_file", 0};
static const char *const values[] = {
  "", "\n", " ", "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0\n", "1\n", " 1", "1 ", "+1",
  "-1", "01", "010", "0x1", "0x10", "1\n\n", "1x", "4294967295", "4294967296",
  "18446744073709551615", "18446744073709551616", "always", "always\n", "always ", "Always",
  "madvise", "defer", "defer+madvise", "never", "within_size", "advise", "deny", "force", "y",
  "Y", "yes", "n", "N", "no", "t", "T", "true", "f", "F", "false", "on", "ON", "off", "oFF", "o",
  "ox", "offline", "online", "online_kernel", "online_movable", "online_movable\n", "offline\n",
  "bad", 0};
static const char *const numbers[] = {
  "8589934", "8589935", "-8589934", "-8589935", "00000000000000000005", "000000000000000000005",
  "0x", "0xg", "08", "-", "-0", "- 5", "5\v", "\v5", "5\r", "5\f", "5 \v", "0x1_", "1e3", 0};

static void all(const char *path, const char *const *list) {
  for (; *list; list++) try(path, *list);
}

/* With an argument and 1.5 GiB: leaves every second page of most of the memory free, so that a list
   is longer than is counted. */
static void fragment(void) {
  const size_t bytes = 1200ul << 20;
  try(MM("transparent_hugepage/enabled"), "never");
  char *area = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (size_t i = 0; i < bytes; i += 4096) area[i] = 1;
  for (size_t i = 0; i < bytes; i += 8192) madvise(area + i, 4096, MADV_DONTNEED);
  printf("# every second page of %zu free\n", bytes / 4096);
  FILE *f = fopen("/proc/pagetypeinfo", "r");
  char line[512];
  while (fgets(line, sizeof line, f)) printf("# %s", line);
  fclose(f);
}

int main(int argc, char **argv) {
  (void)argv;
  setvbuf(stdout, 0, _IOLBF, 1 << 16);
  if (argc > 1) {
    fragment();
    return 0;
  }
  show(VM("min_free_kbytes"));
  try(MM("transparent_hugepage/enabled"), "never");
  show(VM("min_free_kbytes"));
  try(MM("transparent_hugepage/enabled"), "madvise");
  show(VM("min_free_kbytes"));
  for (const char *const *k = knobs; *k; k++) all(*k, values);
  for (const char *const *r = read_only; *r; r++) try(*r, "1");
  all(VM("stat_interval"), numbers);
  all(VM("max_map_count"), numbers);
  try(VM("max_map_count"), "65530");
  try(VM("dirty_background_ratio"), "10");
  try(VM("dirty_background_bytes"), "");
  show(VM("dirty_background_ratio"));
  try(VM("dirty_ratio"), "20");
  try(VM("dirty_bytes"), "");
  show(VM("dirty_ratio"));
  try(VM("dirty_bytes"), "100000");
  show(VM("dirty_ratio"));
  try(VM("dirty_ratio"), "0");
  show(VM("dirty_bytes"));
  try(VM("dirty_ratio"), "20");
  show(VM("dirty_bytes"));
  try(VM("dirty_bytes"), "17592186040320");
  try(VM("dirty_bytes"), "17592186040321");
  try(VM("overcommit_ratio"), "50");
  try(VM("overcommit_kbytes"), "");
  show(VM("overcommit_ratio"));
  try(VM("overcommit_kbytes"), "5");
  show(VM("overcommit_ratio"));
  try(VM("overcommit_ratio"), "");
  show(VM("overcommit_kbytes"));
  try(VM("lowmem_reserve_ratio"), "256 256 32 0 0");
  try(VM("lowmem_reserve_ratio"), "7 2147483648 3");
  try(VM("lowmem_reserve_ratio"), "7 8x 3");
  try(VM("lowmem_reserve_ratio"), " \n");
  try(VM("watermark_boost_factor"), "15000\n ");
  try(VM("min_free_kbytes"), "5000");
  try(MM("transparent_hugepage/enabled"), "always");
  show(VM("min_free_kbytes"));
  try(MM("transparent_hugepage/enabled"), "never");
  show(VM("min_free_kbytes"));
  return 0;
}
