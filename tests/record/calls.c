/* What a recorded program does, by its first argument; the second names a file that it may make.
 * Each ends with 0 and has then touched all that its calls gave it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { kPage = 4096, kPages = 5, kSize = kPages * kPage };

#define NEEDS(what) \
  do { \
    if (!(what)) { \
      perror(#what); \
      exit(1); \
    } \
  } while (0)

static volatile int rings, over;
static void on_ring(int number) {
  (void)number;
  __atomic_fetch_add(&rings, 1, __ATOMIC_SEQ_CST);
}

static void wait_for_rings(int count) {
  while (rings < count) continue;
}

static void ring_by_timer(const char *path) {
  const struct itimerval often = {{0, 2000}, {0, 2000}}, never = {{0, 0}, {0, 0}};
  (void)path;
  NEEDS(signal(SIGALRM, on_ring) != SIG_ERR);
  NEEDS(setitimer(ITIMER_REAL, &often, NULL) == 0);
  wait_for_rings(5);
  NEEDS(setitimer(ITIMER_REAL, &never, NULL) == 0);
}

static void *wait_in_thread(void *argument) {
  while (!over) continue;
  return argument;
}

static void ring_in_threads(const char *path) {
  pthread_t threads[2];
  (void)path;
  NEEDS(signal(SIGUSR1, on_ring) != SIG_ERR);
  for (int i = 0; i < 2; ++i) NEEDS(pthread_create(&threads[i], NULL, wait_in_thread, NULL) == 0);
  for (int i = 0; i < 8; ++i) {
    NEEDS(pthread_kill(threads[i % 2], SIGUSR1) == 0);
    wait_for_rings(i + 1);
  }
  over = 1;
  for (int i = 0; i < 2; ++i) NEEDS(pthread_join(threads[i], NULL) == 0);
}

/* A file of one page, mapped with room for more. */
static int fd;
static volatile char *mapped;
static void map_one_page(const char *path) {
  fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
  NEEDS(fd >= 0);
  NEEDS(ftruncate(fd, kPage) == 0);
  mapped = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  NEEDS(mapped != MAP_FAILED);
  mapped[0] = 1;
}

static void touch_all(void) {
  for (int i = 0; i < kPages; ++i) mapped[i * kPage] += 1;
}

static int other_file(const char *path) {
  char name[4096];
  snprintf(name, sizeof name, "%s.other", path);
  const int other = open(name, O_RDWR | O_CREAT | O_TRUNC, 0600);
  NEEDS(other >= 0 && ftruncate(other, kSize) == 0);
  return other;
}

static void by_truncate(const char *path) {
  map_one_page(path);
  NEEDS(truncate(path, kSize) == 0);
  touch_all();
  NEEDS(truncate(path, 2 * kPage) == 0 && truncate(path, kSize) == 0);
  touch_all();
}

static void by_fallocate(const char *path) {
  map_one_page(path);
  NEEDS(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 8 * kPage) == 0);
  NEEDS(fallocate(fd, 0, kPage, kSize - kPage) == 0);
  touch_all();
  NEEDS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, kPage, kPage) == 0);
  touch_all();
}

static void by_sendfile(const char *path) {
  const int other = other_file(path);
  off_t offset = kPage;
  map_one_page(path);
  NEEDS(lseek(fd, kPage, SEEK_SET) == kPage);
  NEEDS(sendfile(fd, other, &offset, kPage) == kPage && offset == 2 * kPage);
  NEEDS(sendfile(fd, other, NULL, kSize - 2 * kPage) == kSize - 2 * kPage);
  touch_all();
}

static void by_copy_file_range(const char *path) {
  const int other = other_file(path);
  loff_t from = 0, to = kPage;
  map_one_page(path);
  NEEDS(copy_file_range(other, &from, fd, &to, 2 * kPage, 0) == 2 * kPage);
  NEEDS(lseek(fd, 3 * kPage, SEEK_SET) == 3 * kPage);
  NEEDS(copy_file_range(other, NULL, fd, NULL, 2 * kPage, 0) == 2 * kPage);
  touch_all();
}

static void by_splice(const char *path) {
  const int other = other_file(path);
  int ends[2];
  loff_t from = 0, to = kPage;
  map_one_page(path);
  NEEDS(pipe(ends) == 0);
  while (to < kSize) {
    const ssize_t read = splice(other, &from, ends[1], NULL, kPage, 0);
    NEEDS(read > 0 && splice(ends[0], NULL, fd, &to, (size_t)read, 0) == read);
  }
  touch_all();
}

static void by_vectors(const char *path) {
  static char bytes[kPage];
  const struct iovec two[] = {{bytes, kPage}, {bytes, kPage}};
  map_one_page(path);
  NEEDS(pwritev(fd, two, 2, kPage) == 2 * kPage);
  NEEDS(lseek(fd, 3 * kPage, SEEK_SET) == 3 * kPage);
  NEEDS(writev(fd, two, 2) == 2 * kPage);
  NEEDS(preadv(fd, two, 2, kPage) == 2 * kPage);
  touch_all();
}

/* Linux writes at the end then, wherever it is asked to. */
static void by_append(const char *path) {
  static char bytes[2 * kPage];
  map_one_page(path);
  NEEDS(fcntl(fd, F_SETFL, O_APPEND) == 0);
  NEEDS(write(fd, bytes, sizeof bytes) == sizeof bytes);
  NEEDS(pwrite(fd, bytes, sizeof bytes, 0) == sizeof bytes);
  touch_all();
}

static void by_open(const char *path) {
  map_one_page(path);
  NEEDS(ftruncate(fd, kSize) == 0);
  touch_all();
  NEEDS(open(path, O_RDWR | O_TRUNC) >= 0);
  NEEDS(ftruncate(fd, kSize) == 0);
  touch_all();
}

static void shared_memory(const char *path) {
  const int id = shmget(IPC_PRIVATE, kSize, 0600);
  (void)path;
  NEEDS(id >= 0);
  mapped = shmat(id, NULL, 0);
  NEEDS(mapped != (void *)-1);
  const volatile char *const twin = shmat(id, NULL, SHM_RDONLY);
  NEEDS(twin != (void *)-1);
  NEEDS(shmctl(id, IPC_RMID, NULL) == 0);
  touch_all();
  const pid_t child = fork();
  NEEDS(child >= 0);
  if (child == 0) {
    touch_all();
    _exit(0);
  }
  NEEDS(waitpid(child, NULL, 0) == child);
  for (int i = 0; i < kPages; ++i) NEEDS(twin[i * kPage] == 2);
  NEEDS(shmdt((const void *)twin) == 0);
  NEEDS(shmdt((const void *)mapped) == 0);
}

/* Of the same name, which is no path. */
static void memory_files(const char *path) {
  volatile char *last = NULL;
  (void)path;
  for (int pages = kPages; pages > 0; --pages) {
    const int file = memfd_create("shared", 0);
    NEEDS(file >= 0 && ftruncate(file, pages * kPage) == 0);
    volatile char *const at =
        mmap(NULL, (size_t)pages * kPage, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    NEEDS(at != MAP_FAILED);
    for (int i = 0; i < pages; ++i) at[i * kPage] += 1;
    for (int i = 0; last != NULL && i <= pages; ++i) last[i * kPage] += 1;
    last = at;
  }
}

static void moved_pieces(const char *path) {
  map_one_page(path);
  NEEDS(ftruncate(fd, kSize) == 0);
  volatile char *const twin = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  NEEDS(twin != MAP_FAILED);
  touch_all();
  for (int i = 0; i < kPages; ++i) NEEDS(twin[i * kPage] == mapped[i * kPage]);
  /* Its middle page to another place, where there is room. */
  volatile char *const room = mmap(NULL, kSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEEDS(room != MAP_FAILED);
  NEEDS(mremap((void *)(twin + 2 * kPage), kPage, kPage, MREMAP_MAYMOVE | MREMAP_FIXED, room) ==
        (void *)room);
  NEEDS(room[0] == mapped[2 * kPage]);
  room[0] += 1;
  /* One page of the file grows to all of it. */
  volatile char *const grown = mmap(NULL, kPage, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  NEEDS(grown != MAP_FAILED);
  mapped = mremap((void *)grown, kPage, kSize, MREMAP_MAYMOVE);
  NEEDS(mapped != MAP_FAILED);
  touch_all();
}

/* A number where other requests have an address. */
static void numbers(const char *path) {
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY);
  (void)path;
  NEEDS(terminal >= 0 && ioctl(terminal, TCFLSH, TCIOFLUSH) == 0);
}

/* One after another, so that each finds memory as it was the time before. */
static void *call_all(void *argument) {
  char *const heap = malloc(100000);
  NEEDS(heap != NULL);
  memset(heap, 1, 100000);
  NEEDS(mlock(argument, kPage) == 0 && munlock(argument, kPage) == 0);
  NEEDS(madvise(argument, kSize, MADV_DONTNEED) == 0);
  NEEDS(msync(argument, kSize, MS_SYNC) == 0);
  NEEDS(mremap(argument, kSize, 2 * kPage, 0) == argument);
  NEEDS(munmap(argument, kSize) == 0);
  free(heap);
  return NULL;
}

static void threads(const char *path) {
  map_one_page(path);
  for (int i = 0; i < 3; ++i) {
    pthread_t thread;
    void *const piece = mmap(NULL, kSize, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    NEEDS(piece != MAP_FAILED && pthread_create(&thread, NULL, call_all, piece) == 0);
    NEEDS(pthread_join(thread, NULL) == 0);
  }
}

/* What cannot be run, and why. */
static void refused(const char *path) {
  char *const arguments[] = {"x", NULL}, *const environment[] = {NULL};
  char name[4096];
  static const struct {
    const char *suffix, *text;
    int mode;
  } files[] = {{".plain", "no program\n", 0600},   {".text", "no program\n", 0700},
               {".empty", "", 0700},               {".lost", "#!/nonexistent/interpreter\n", 0700},
               {".short", "\177ELF", 0700},        {".folder", "#!/\n", 0700}};
  for (unsigned i = 0; i < sizeof files / sizeof *files; ++i) {
    snprintf(name, sizeof name, "%s%s", path, files[i].suffix);
    FILE *const file = fopen(name, "w");
    NEEDS(file != NULL && fputs(files[i].text, file) >= 0 && fclose(file) == 0);
    NEEDS(chmod(name, (mode_t)files[i].mode) == 0);
    execve(name, arguments, environment);
    printf("%s: %s\n", files[i].suffix, strerror(errno));
  }
  const char *volatile const nowhere = (const char *)8;
  const char *const others[] = {"/nonexistent/program", "", "/", "/etc/passwd/x"};
  for (unsigned i = 0; i < sizeof others / sizeof *others; ++i) {
    execve(others[i], arguments, environment);
    printf("%s: %s\n", others[i], strerror(errno));
  }
  execve(nowhere, arguments, environment);
  printf("address: %s\n", strerror(errno));
  memset(name, 'x', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  execve(name, arguments, environment);
  printf("long: %s\n", strerror(errno));
}

static int status_of(pid_t child) {
  int status = -1;
  NEEDS(child > 0 && waitpid(child, &status, 0) == child);
  return WEXITSTATUS(status);
}

/* /bin/sh by posix_spawn, by fexecve, and by execveat from its folder. */
static void children(const char *path) {
  char *const arguments[] = {"sh", "-c", "exit 5", NULL}, *const environment[] = {NULL};
  pid_t child;
  (void)path;
  NEEDS(posix_spawn(&child, "/bin/sh", NULL, NULL, arguments, environment) == 0);
  printf("%d\n", status_of(child));
  child = fork();
  if (child == 0) {
    fexecve(open("/bin/sh", O_RDONLY | O_CLOEXEC), arguments, environment);
    _exit(1);
  }
  printf("%d\n", status_of(child));
  child = fork();
  if (child == 0) {
    syscall(SYS_execveat, open("/bin", O_PATH), "sh", arguments, environment, 0);
    _exit(1);
  }
  printf("%d\n", status_of(child));
}

static const struct {
  const char *name;
  void (*does)(const char *path);
} kDeeds[] = {{"ring_by_timer", ring_by_timer},
              {"ring_in_threads", ring_in_threads},
              {"by_truncate", by_truncate},
              {"by_fallocate", by_fallocate},
              {"by_sendfile", by_sendfile},
              {"by_copy_file_range", by_copy_file_range},
              {"by_splice", by_splice},
              {"by_vectors", by_vectors},
              {"by_append", by_append},
              {"by_open", by_open},
              {"shared_memory", shared_memory},
              {"memory_files", memory_files},
              {"moved_pieces", moved_pieces},
              {"numbers", numbers},
              {"threads", threads},
              {"refused", refused},
              {"children", children}};

int main(int count, char **arguments) {
  for (unsigned i = 0; count == 3 && i < sizeof kDeeds / sizeof *kDeeds; ++i) {
    if (strcmp(arguments[1], kDeeds[i].name) != 0) continue;
    kDeeds[i].does(arguments[2]);
    return 0;
  }
  fprintf(stderr, "No such deed\n");
  return 2;
}
