// Calls of the C API on processes in any order, with arguments that may be hostile: each is refused
// with a reason or done, what was written where nothing came in between is read, a child has what
// its parent had, and in the end the machine's books balance.
#include <algorithm>
#include <array>
#include <string>

#include "tests/fuzz/api_held.hpp"

namespace quire::test {
namespace {

class ProcessCalls : public ApiHeld {
 public:
  using ApiHeld::ApiHeld;

  void run() {
    using Mine = ProcessCalls;
    using Call = void (Mine::*)();
    constexpr Call kCalls[] = {
        &Mine::create, &Mine::fork, &Mine::exec, &Mine::exit, &Mine::map, &Mine::map,
        &Mine::unmap, &Mine::protect, &Mine::remap, &Mine::move_end, &Mine::advise, &Mine::lock,
        &Mine::unlock, &Mine::look, &Mine::touch, &Mine::touch, &Mine::write, &Mine::write,
        &Mine::read, &Mine::flush, &Mine::files, &Mine::nothing,
        // New calls go here: stored inputs keep what they mean.
        &Mine::open, &Mine::close, &Mine::map_file, &Mine::map_file, &Mine::write_file,
        &Mine::read_file, &Mine::resize_file, &Mine::change_file, &Mine::lock_all, &Mine::sync,
        &Mine::hold, &Mine::give_back};
    create();
    while (!input_.ended()) (this->*kCalls[input_.take<std::uint8_t>() % std::size(kCalls)])();
  }
  void end() {
    while (!held_.empty()) give_back();
    audit();
    while (!pids_.empty()) require(quire_process_exit(machine_, take_out(pids_)) == 0);
    audit();
  }

 private:
  static constexpr std::uint64_t kArena = 0x10000000, kPage = 4096;

  void done(std::int64_t code) {
    if (code < 0) refused(code);
  }
  std::int64_t pid() {
    const auto choice = number<std::uint8_t>();
    if (choice == 255 || pids_.empty()) return number<std::int64_t>();
    return pids_[choice % pids_.size()];
  }
  // Mostly a page of a small arena; else anything.
  std::uint64_t address() {
    const auto choice = number<std::uint8_t>();
    if (choice >= 250) return number<std::uint64_t>();
    if (choice >= 240) return kArena + number<std::uint16_t>();
    return kArena + choice % 64 * kPage;
  }
  std::uint64_t length() {
    const auto choice = number<std::uint8_t>();
    if (choice >= 252) return number<std::uint64_t>();
    if (choice >= 245) return number<std::uint16_t>();
    return (choice % 16 + 1) * kPage;
  }
  quire_span span() {
    const std::uint64_t start = address();
    return {start, length()};
  }
  // What is read and written at once.
  quire_span short_span() {
    quire_span some = span();
    some.size %= sizeof buffer_;
    return some;
  }
  std::uint32_t choice_of(std::uint32_t most) {
    const auto choice = number<std::uint8_t>();
    return choice == 255 ? number<std::uint32_t>() : choice % (most + 1);
  }

  void create() {
    if (pids_.size() >= 12) return;
    constexpr std::uint32_t kCode = QUIRE_PROT_READ | QUIRE_PROT_EXEC;
    constexpr std::uint32_t kData = QUIRE_PROT_READ | QUIRE_PROT_WRITE;
    std::array<quire_segment, 3> segments{{{0x400000, 0x2000, kCode, 0},
                                           {0x403000, 0x1000, kData, 0},
                                           {0x405000, 0x1000, QUIRE_PROT_READ, 0}}};
    const bool odd = number<std::uint8_t>() >= 240;
    if (odd) segments[choice_of(2) % 3] = {address(), length(), choice_of(7), choice_of(1)};
    const quire_program program{sizeof program, "fuzzed", segments.data(), 3, nullptr, 0, 0};
    const std::int64_t pid = quire_process_create(machine_, &program);
    if (pid < 0) return refused(pid);
    pids_.push_back(pid);
  }
  void fork() {
    if (pids_.size() >= 12) return;
    const std::int64_t child = quire_process_fork(machine_, pid());
    if (child < 0) return refused(child);
    pids_.push_back(child);
  }
  void exec() {
    const quire_segment segment{address(), length(), choice_of(7), 0};
    const quire_program program{sizeof program, "other", &segment, choice_of(1) % 2, nullptr, 0, 0};
    done(quire_process_exec(machine_, pid(), &program));
  }
  void exit() {
    const std::int64_t who = pid();
    const std::int64_t code = quire_process_exit(machine_, who);
    if (code < 0) return refused(code);
    pids_.erase(std::ranges::find(pids_, who));
  }

  void map() {
    const std::int64_t who = pid();
    quire_mmap request{address(), length(), choice_of(7), 0};
    request.flags = QUIRE_MAP_ANONYMOUS;
    const auto choice = number<std::uint8_t>();
    request.flags |= choice % 4 == 0 ? QUIRE_MAP_SHARED : QUIRE_MAP_PRIVATE;
    if (choice % 8 != 1) request.flags |= QUIRE_MAP_FIXED;
    if (choice % 16 == 2) request.flags |= QUIRE_MAP_POPULATE;
    if (choice % 16 == 3) request.flags |= QUIRE_MAP_NORESERVE;
    if (choice % 16 == 5) request.flags |= QUIRE_MAP_GROWSDOWN;
    if (choice % 16 == 6) request.flags |= QUIRE_MAP_LOCKED;
    if (choice == 255) request.flags = number<std::uint64_t>();
    // All of memory may be asked for, but not be had at once.
    if ((request.flags & (QUIRE_MAP_POPULATE | QUIRE_MAP_LOCKED)) != 0) request.size %= 64 * kPage;
    const std::int64_t at = quire_process_mmap(machine_, who, &request);
    if (at < 0) return refused(at);
    require(at % static_cast<std::int64_t>(kPage) == 0);
  }
  void unmap() {
    const quire_span some = span();
    done(quire_process_munmap(machine_, pid(), &some));
  }
  void protect() {
    const quire_span some = span();
    done(quire_process_mprotect(machine_, pid(), &some, choice_of(7)));
  }
  void remap() {
    const quire_mremap request{span(), length(), choice_of(7), address()};
    done(quire_process_mremap(machine_, pid(), &request));
  }
  void move_end() { done(quire_process_brk(machine_, pid(), 0x404000 + choice_of(40) * kPage)); }
  void advise() {
    const quire_span some = span();
    const std::uint32_t advice = choice_of(26);
    wiped_ |= advice == QUIRE_MADV_WIPEONFORK;
    done(quire_process_madvise(machine_, pid(), &some, advice));
  }
  void lock() {
    const quire_span some = span();
    done(quire_process_mlock(machine_, pid(), &some, choice_of(1)));
  }
  void unlock() {
    const quire_span some = span();
    done(quire_process_munlock(machine_, pid(), &some));
  }
  void look() {
    quire_span some = span();
    some.size %= 16 * kPage;
    std::uint8_t there[17] = {};
    const int code = quire_process_mincore(machine_, pid(), &some, there);
    done(code);
    for (const std::uint8_t one : there) require(one <= 1);
  }

  void touch() {
    quire_span some = span();
    some.size %= 64 * kPage;
    constexpr std::uint32_t kKinds[] = {QUIRE_PROT_READ, QUIRE_PROT_WRITE, QUIRE_PROT_EXEC, 9};
    done(quire_process_touch(machine_, pid(), &some, kKinds[number<std::uint8_t>() % 4]));
  }
  // And what was written is read again, by a child as well.
  void write() {
    const std::int64_t who = pid();
    const quire_span to = short_span();
    std::fill_n(buffer_, to.size, static_cast<char>(number<std::uint8_t>()));
    const int code = quire_process_write(machine_, who, &to, buffer_);
    if (code < 0) return refused(code);
    require_same(who, to);
    if (pids_.size() >= 12 || number<std::uint8_t>() % 4 != 0) return;
    const std::int64_t child = quire_process_fork(machine_, who);
    if (child < 0) return refused(child);
    pids_.push_back(child);
    // Unless somebody has said that it is not to have it.
    if (quire_process_read(machine_, child, &to, other_) >= 0 && !wiped_)
      require(std::memcmp(buffer_, other_, to.size) == 0);
  }
  void require_same(std::int64_t who, const quire_span& to) {
    const int code = quire_process_read(machine_, who, &to, other_);
    require(code >= 0 && std::memcmp(buffer_, other_, to.size) == 0);
  }
  void read() {
    const quire_span from = short_span();
    done(quire_process_read(machine_, pid(), &from, other_));
  }

  void flush() {
    const quire_span some = span();
    done(quire_flush_tlb_mm(machine_, pid()));
    done(quire_flush_tlb_range(machine_, pid(), &some));
    done(quire_flush_tlb_page(machine_, pid(), address()));
  }
  void files() {
    constexpr const char* kNames[] = {"maps", "smaps", "smaps_rollup", "status", "statm"};
    const std::string directory = "/proc/" + std::to_string(pid()) + "/";
    static char text[1 << 16];
    done(quire_read(machine_, (directory + kNames[number<std::uint8_t>() % 5]).c_str(), text,
                    sizeof text));
    std::uint64_t words[40];
    const quire_words into{address() / kPage, number<std::uint8_t>() % std::size(words), words};
    done(quire_read_words(machine_, (directory + "pagemap").c_str(), &into));
    quire_faults faults;
    done(quire_process_faults(machine_, pid(), &faults));
  }
  // Null where something is needed, and nobody's number.
  void nothing() {
    const std::int64_t who = pid();
    refused(quire_process_create(machine_, nullptr));
    refused(quire_process_exec(machine_, who, nullptr));
    refused(quire_process_mmap(machine_, who, nullptr));
    refused(quire_process_munmap(machine_, who, nullptr));
    refused(quire_process_mremap(machine_, who, nullptr));
    refused(quire_process_mincore(machine_, who, nullptr, nullptr));
    refused(quire_process_read(machine_, who, nullptr, nullptr));
    refused(quire_process_faults(machine_, who, nullptr));
    refused(quire_process_fork(machine_, -1));
    refused(quire_process_exit(machine_, std::int64_t{1} << 40));
  }

  int descriptor() {
    const auto choice = number<std::uint8_t>();
    return choice == 255 ? number<std::int32_t>() : choice % 6;
  }
  // Within what files have here, or anything.
  std::int64_t offset() {
    const auto choice = number<std::uint8_t>();
    if (choice >= 252) return number<std::int64_t>();
    return static_cast<std::int64_t>(choice >= 192 ? choice * 777u : choice % 32 * kPage);
  }
  static constexpr const char* kPaths[] = {"/data", "/other", "/dev/shm/ring", "/dev/shm/", ""};
  void open() {
    const std::int64_t who = pid();
    const auto kind = number<std::uint8_t>();
    if (kind % 3 == 0) return done(quire_file_memfd_create(machine_, who, "fuzzed", kind / 3 % 4));
    std::uint32_t flags = QUIRE_O_RDWR | QUIRE_O_CREAT;
    if (kind % 3 == 1) flags = number<std::uint8_t>() % 4 | (kind & 0xc0u) | (kind & 8 ? 02000 : 0);
    if (kind == 255) flags = number<std::uint32_t>();
    done(quire_file_open(machine_, who, kPaths[number<std::uint8_t>() % 5], flags));
  }
  void close() {
    const std::int64_t who = pid();
    const auto kind = number<std::uint8_t>();
    if (kind % 4 == 0) return done(quire_file_dup(machine_, who, descriptor()));
    if (kind % 4 == 1) return done(quire_unlink(machine_, kPaths[kind / 4 % 5]));
    done(quire_file_close(machine_, who, descriptor()));
  }
  void map_file() {
    const std::int64_t who = pid();
    quire_file_mapping request{{address(), length(), choice_of(7), 0}, 0};
    const auto choice = number<std::uint8_t>();
    request.memory.flags = choice % 2 == 0 ? QUIRE_MAP_SHARED : QUIRE_MAP_PRIVATE;
    if (choice % 8 != 1) request.memory.flags |= QUIRE_MAP_FIXED;
    if (choice % 16 == 2) request.memory.flags |= QUIRE_MAP_POPULATE;
    if (choice == 255) request.memory.flags = number<std::uint64_t>();
    if (request.memory.flags & (QUIRE_MAP_POPULATE | QUIRE_MAP_LOCKED))
      request.memory.size %= 64 * kPage;
    request.offset = static_cast<std::uint64_t>(offset());
    done(quire_file_mmap(machine_, who, descriptor(), &request));
  }
  void write_file() {
    const std::int64_t who = pid();
    const int fd = descriptor();
    const std::size_t size = number<std::uint16_t>() % sizeof buffer_;
    std::fill_n(buffer_, size, static_cast<char>(number<std::uint8_t>()));
    const std::int64_t at = offset() % (1 << 20);  // all that is between is zeros
    const quire_write_request request{buffer_, size, at};
    const std::int64_t wrote = number<std::uint8_t>() % 4 == 0
                                   ? quire_file_write(machine_, who, fd, &request)
                                   : quire_file_pwrite(machine_, who, fd, &request);
    if (wrote < 0) return refused(wrote);
    require(static_cast<std::size_t>(wrote) <= size);
  }
  void read_file() {
    const std::int64_t who = pid();
    const quire_read_request request{other_, number<std::uint16_t>() % sizeof other_, offset()};
    const bool placed = number<std::uint8_t>() % 2 == 0;
    const int fd = descriptor();
    const std::int64_t got = placed ? quire_file_pread(machine_, who, fd, &request)
                                    : quire_file_read(machine_, who, fd, &request);
    if (got < 0) return refused(got);
    require(static_cast<std::size_t>(got) <= request.size);
    const quire_seek to{offset() % (1 << 16), choice_of(4), 0};
    const std::int64_t where = quire_file_lseek(machine_, who, fd, &to);
    if (where < 0) refused(where);
  }
  void resize_file() {
    const std::int64_t who = pid();
    const int fd = descriptor();
    // A simulated disk has the bytes of its files in this process.
    done(quire_file_ftruncate(machine_, who, fd, offset() % (1 << 22)));
  }
  void change_file() {
    const std::int64_t who = pid();
    const int fd = descriptor();
    // All that is asked for is taken at once.
    const std::int64_t size = offset() % (1 << 20);
    const quire_fallocate request{offset() % (1 << 20), size, choice_of(3), 0};
    switch (number<std::uint8_t>() % 4) {
      case 0: return done(quire_file_fsync(machine_, who, fd));
      case 1: return done(quire_file_add_seals(machine_, who, fd, choice_of(31)));
      case 2: return done(quire_file_get_seals(machine_, who, fd));
      default: return done(quire_file_fallocate(machine_, who, fd, &request));
    }
  }
  void lock_all() {
    const std::int64_t who = pid();
    const std::uint32_t flags = choice_of(7);
    done(flags == 0 ? quire_process_munlockall(machine_, who)
                    : quire_process_mlockall(machine_, who, flags));
  }
  void sync() {
    const quire_span some = span();
    done(quire_process_msync(machine_, pid(), &some, choice_of(7)));
  }
  struct Held {
    std::vector<quire_page*> pages;
    bool pinned;
  };
  void hold() {
    if (held_.size() >= 8) return;
    const std::int64_t who = pid();
    quire_user_pages wanted{span(), 0, 0};
    wanted.span.size %= 16 * kPage;
    constexpr std::uint32_t kFlags[] = {0, QUIRE_FOLL_WRITE, QUIRE_FOLL_FORCE | QUIRE_FOLL_WRITE,
                                        QUIRE_FOLL_LONGTERM | QUIRE_FOLL_WRITE};
    const auto kind = number<std::uint8_t>();
    wanted.flags = kind == 255 ? number<std::uint32_t>() : kFlags[kind / 2 % 4];
    Held held{std::vector<quire_page*>(18), kind % 2 == 0};
    const std::int64_t got =
        held.pinned ? quire_process_pin_user_pages(machine_, who, &wanted, held.pages.data())
                    : quire_process_get_user_pages(machine_, who, &wanted, held.pages.data());
    if (got < 0) return refused(got);
    require(got <= 17);
    held.pages.resize(static_cast<std::size_t>(got));
    held_.push_back(std::move(held));
  }
  void give_back() {
    if (held_.empty()) return;
    const auto place = number<std::uint8_t>();
    const Held held = take_out(held_);
    const std::size_t count = held.pages.size();
    require((held.pinned
                 ? quire_unpin_user_pages(machine_, held.pages.data(), count, place % 2)
                 : quire_put_user_pages(machine_, held.pages.data(), count)) == 0);
  }

  std::vector<std::int64_t> pids_;
  std::vector<Held> held_;
  bool wiped_ = false;  // MADV_WIPEONFORK was used
  char buffer_[3 * kPage];
  char other_[3 * kPage];
};

}  // namespace
}  // namespace quire::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quire::test::ProcessCalls calls(data, size);
  calls.run();
  calls.end();
  return 0;
}
