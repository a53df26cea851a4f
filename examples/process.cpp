// A process maps memory, forks, and both write: each sees its own bytes, and what neither has
// written is still one page for both. Then the maps of both, as Linux would show them.
//
//   c++ -std=c++17 process.cpp $(pkg-config --cflags --libs quire) && ./a.out
#include <cstdio>
#include <quire/quire.hpp>
#include <string>

namespace {

// Bytes of frames are kept, so that programs find again what they have written.
constexpr char kMachine[] = R"(ram = "256M"
cpus = 2
[kernel]
frame_content = true
)";
constexpr std::uint64_t kPage = 4096;

int complain(const quire::Error& error) {
  std::fprintf(stderr, "%s\n", error.text.c_str());
  return 1;
}

std::string text_at(quire::Process& process, quire::Address at) {
  std::string text(6, '?');
  return process.read({at, text.size()}, text.data()) ? text : "nothing";
}

void show(quire::Machine& machine, const quire::Process& process, const char* name) {
  const quire_faults faults = process.faults().value();
  std::printf("\n%s: %llu faults\n", name, static_cast<unsigned long long>(faults.minor));
  std::printf("%s", machine.read(process.path("maps")).value().c_str());
}

}  // namespace

int main() {
  auto machine = quire::Machine::from_text(kMachine);
  if (!machine) return complain(machine.error());
  const quire::Segment code{{quire::Address{0x400000}, 16 * kPage}, quire::Access::kReadExec};
  const quire::Segment data{{quire::Address{0x410000}, 2 * kPage}, quire::Access::kReadWrite};
  auto parent = machine->process("example", {code, data});
  if (!parent) return complain(parent.error());

  auto at = parent->map(4 * kPage);
  if (!at) return complain(at.error());
  const quire::Address first = *at;
  const quire::Address second = first + kPage;
  parent->write({first, 6}, "before").value();
  parent->write({second, 6}, "common").value();

  auto child = parent->fork();
  if (!child) return complain(child.error());
  child->write({first, 6}, "child!").value();
  parent->write({first, 6}, "parent").value();

  std::printf("first page:  parent reads \"%s\", child reads \"%s\"\n",
              text_at(*parent, first).c_str(), text_at(*child, first).c_str());
  std::printf("second page: parent reads \"%s\", child reads \"%s\"\n",
              text_at(*parent, second).c_str(), text_at(*child, second).c_str());
  show(*machine, *parent, "parent");
  show(*machine, *child, "child");
  return 0;
}
