// Where exec puts a program, asked again and again under each setting of randomize_va_space, of the
// stack's limit and of the personality.
//
//   gcc -O2 -static -o layouts layouts.c
//   for bits in '' 32; do
//     show="gcc ${bits:+-m32} -O2 -DSHOW -nostdlib -ffreestanding -fno-stack-protector layouts.c"
//     $show -static -fno-pie -no-pie -o show_fixed$bits
//     $show -static-pie -fpie -o show_loader$bits
//     $show -pie -fpie -Wl,--dynamic-linker=/show_loader$bits -o show_pie$bits
//   done
//   layouts > LOG    (as root, beside the six)
//
// show_loader is its own program as well as what show_pie asks to be loaded by. Lines of the log:
//   == PROGRAM random=LEVEL stack=LIMIT personality=FLAGS legacy=0|1 bits=MMAP_RND_BITS
//   r TEXT BRK MAPPED STACK STACK_END START_STACK LOADER VVAR VDSO VDSO_END
// with a row for each run: where its program begins, its heap, what mmap(0, 4096) gave,
// its stack's ends and first word; the row of the loader, vvar and vdso, or 0. Rows of maps follow
// where nothing is left to chance and the stack's limit is 8 MiB.
#ifdef SHOW
#ifdef __i386__
enum { kRead = 3, kWrite = 4, kOpen = 5, kClose = 6, kExit = 252 };
static long call(long nr, long a, long b, long c) {
  long r;
  asm volatile("int $0x80" : "=a"(r) : "a"(nr), "b"(a), "c"(b), "d"(c) : "memory");
  return r;
}
static unsigned long map_page(void) {
  const unsigned long request[6] = {0, 4096, 0, 0x22, -1ul, 0};
  return (unsigned long)call(90, (long)request, 0, 0);
}
#else
enum { kRead = 0, kWrite = 1, kOpen = 2, kClose = 3, kExit = 231 };
static long call(long nr, long a, long b, long c) {
  long r;
  register long r10 asm("r10") = 0x22, r8 asm("r8") = -1, r9 asm("r9") = 0;
  asm volatile("syscall"
               : "=a"(r)
               : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
               : "rcx", "r11", "memory");
  return r;
}
static unsigned long map_page(void) { return (unsigned long)call(9, 0, 4096, 0); }
#endif
static char text[65536];
static volatile char initialised = 1;
static void copy(const char *path) {
  const long fd = call(kOpen, (long)path, 0, 0);
  for (long n; (n = call(kRead, fd, (long)text, sizeof text)) > 0;)
    call(kWrite, 1, (long)text, n);
  call(kClose, fd, 0, 0);
}
void _start(void) {
  copy("/proc/self/maps");
  copy("/proc/self/stat");
  const unsigned long long mapped = map_page() * initialised;
  for (int i = 0; i < 16; ++i) text[i] = "0123456789abcdef"[mapped >> (60 - 4 * i) & 15];
  call(kWrite, 1, (long)text, 16);
  call(kExit, 0, 0, 0);
}
#else
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef unsigned long Word;
struct Setting {
  const char *program;
  int random;
  Word stack;
  Word personality;
  int legacy;
  int bits;
};

static void set(const char *path, int value) {
  FILE *f = fopen(path, "w");
  if (f == NULL || fprintf(f, "%d\n", value) < 0 || fclose(f) != 0) perror(path), exit(1);
}

// What one run of the program wrote.
static void run(const struct Setting *s, char *text, size_t size) {
  int ends[2];
  if (pipe(ends)) exit(2);
  const pid_t child = fork();
  if (child == 0) {
    const struct rlimit limit = {s->stack, s->stack};
    char *const argv[] = {(char *)s->program, NULL}, *const envp[] = {NULL};
    if (setrlimit(RLIMIT_STACK, &limit) || personality(s->personality) == -1) _exit(3);
    dup2(ends[1], 1);
    execve(s->program, argv, envp);
    _exit(4);
  }
  close(ends[1]);
  size_t have = 0;
  for (ssize_t n; (n = read(ends[0], text + have, size - 1 - have)) > 0;) have += (size_t)n;
  text[have] = 0;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (status != 0) printf("status %x\n", status);
}

static void row(char *text, const char *program, int with_maps) {
  Word first = 0, brk = 0, stack = 0, stack_end = 0, start_stack = 0, loader = 0;
  Word vvar = 0, vdso = 0, vdso_end = 0;
  char *line = text, *next = NULL, *maps_end = text;
  for (; (next = strchr(line, '\n')) != NULL; line = next + 1) {
    Word start = 0, end = 0;
    if (sscanf(line, "%lx-%lx", &start, &end) != 2 || strchr(line, '-') > strchr(line, ' ')) break;
    maps_end = next + 1;
    *next = 0;
    if (first == 0 && strstr(line, program)) first = start;
    if (strstr(line, "[stack]")) stack = start, stack_end = end;
    if (strstr(line, "[vvar]")) vvar = start;
    if (strstr(line, "[vdso]")) vdso = start, vdso_end = end;
    if (loader == 0 && strstr(line, "show_loader")) loader = start;
    *next = '\n';
  }
  const char *field = strrchr(maps_end, ')') + 2;
  for (int i = 3; i <= 47; ++i, field = strchr(field, ' ') + 1) {
    if (i == 28) start_stack = strtoul(field, NULL, 10);
    if (i == 47) brk = strtoul(field, NULL, 10);
  }
  const Word mapped = strtoul(strchr(maps_end, '\n') + 1, NULL, 16);
  printf("r %lx %lx %lx %lx %lx %lx %lx %lx %lx %lx\n", first, brk, mapped, stack, stack_end,
         start_stack, loader, vvar, vdso, vdso_end);
  *maps_end = 0;
  if (with_maps) fputs(text, stdout);
}

static void ask(struct Setting s, int runs) {
  static char text[1 << 16];
  set("/proc/sys/kernel/randomize_va_space", s.random);
  set("/proc/sys/vm/legacy_va_layout", s.legacy);
  set("/proc/sys/vm/mmap_rnd_bits", s.bits);
  printf("== %s random=%d stack=%lu personality=%lx legacy=%d bits=%d\n", s.program + 1, s.random,
         s.stack, s.personality, s.legacy, s.bits);
  for (int i = 0; i < runs; ++i) {
    run(&s, text, sizeof text);
    row(text, s.program, runs == 1 && s.stack == 8 << 20);
  }
  fflush(stdout);
}

int main(void) {
  static const char *const kPrograms[] = {"/show_fixed",   "/show_loader",   "/show_pie",
                                          "/show_fixed32", "/show_loader32", "/show_pie32"};
  const Word kib = 1 << 10, mib = 1 << 20, gib = 1 << 30, tib = gib << 10, all = RLIM_INFINITY;
  const Word task = 0x7ffffffff000;
  const Word stacks[] = {
      16 * kib,      64 * kib,      100000,        128 * kib,     132 * kib,     136 * kib,
      1 * mib,       8 * mib,       8 * mib + 1,   9000000,       64 * mib,      126 * mib,
      127 * mib - 1, 127 * mib,     127 * mib + 1, 128 * mib,     128 * mib + 1, 129 * mib,
      1 * gib,       100 * gib,     42 * tib,      85 * tib,      100 * tib,     106 * tib,
      task / 6 * 5 - mib,           task / 6 * 5 - 1,             task / 6 * 5,  task / 6 * 5 + 1,
      107 * tib,     127 * tib,     task,          128 * tib,     all / 2,       all - mib,
      all - 1,       all};
  const Word compat = ADDR_COMPAT_LAYOUT, fixed = ADDR_NO_RANDOMIZE;
  for (int p = 0; p < 3; ++p)
    for (unsigned i = 0; i < sizeof stacks / sizeof *stacks; ++i)
      ask((struct Setting){kPrograms[p], 0, stacks[i], 0, 0, 28}, 1);
  for (int p = 0; p < 6; ++p) {
    const char *const name = kPrograms[p];
    ask((struct Setting){name, 0, 8 * mib, compat, 0, 28}, 1);
    ask((struct Setting){name, 0, 8 * mib, 0, 1, 28}, 1);
    ask((struct Setting){name, 0, all, 0, 0, 28}, 1);
    ask((struct Setting){name, 2, 8 * mib, fixed, 0, 28}, 1);
    ask((struct Setting){name, 1, 8 * mib, 0, 0, 28}, 32);
    ask((struct Setting){name, 2, 8 * mib, 0, 0, 28}, 32);
    ask((struct Setting){name, 2, 8 * mib, 0, 0, 32}, 32);
    ask((struct Setting){name, 2, 8 * mib, compat, 0, 28}, 32);
    ask((struct Setting){name, 2, 256 * mib, 0, 0, 28}, 32);
    ask((struct Setting){name, 2, all, 0, 0, 28}, 32);
  }
  ask((struct Setting){kPrograms[0], 3, 8 * mib, 0, 0, 28}, 32);
  ask((struct Setting){kPrograms[0], -1, 8 * mib, 0, 0, 28}, 32);
  return 0;
}
#endif
