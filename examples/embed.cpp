// Boots a machine, asks for a huge page, and shows where free memory lies.
//
//   c++ -std=c++17 embed.cpp $(pkg-config --cflags --libs quire) && ./a.out [MACHINE.toml]
#include <cstdio>
#include <map>
#include <quire/memory_resource.hpp>
#include <quire/quire.hpp>

namespace {

constexpr char kMachine[] = R"(ram = "1G"
cpus = 4
)";

int complain(const quire::Error& error) {
  std::fprintf(stderr, "%s\n", error.text.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  auto machine =
      argc > 1 ? quire::Machine::from_file(argv[1]) : quire::Machine::from_text(kMachine);
  if (!machine) return complain(machine.error());
  const auto on_cpu = machine->attach();
  if (!on_cpu) return complain(on_cpu.error());

  auto huge = machine->allocate(quire::Gfp::kTransHuge, quire::BlockOrder{9});
  if (!huge) return complain(huge.error());
  std::printf("2 MiB from pfn 0x%llx in zone %s\n",
              static_cast<unsigned long long>(huge->frame()), huge->zone());

  quire::KmallocResource memory(machine->get());
  std::pmr::map<int, long> squares(&memory);  // its nodes lie in the machine's slabs
  for (int i = 0; i < 1000; ++i) squares[i] = long{i} * i;
  std::printf("999 * 999 = %ld\n", squares[999]);

  const auto limit = machine->write("/proc/sys/vm/min_free_kbytes", "65536\n");
  if (!limit) return complain(limit.error());
  std::printf("%s", machine->read("/proc/buddyinfo").value().c_str());
  return 0;
}
