// A stranger's C++ program: the library that runs is the one whose header was read, and gives
// containers their memory.
#include <quire/memory_resource.hpp>
#include <quire/quire.hpp>

#include <cstdio>
#include <vector>

int main() {
  std::printf("C++: quire %d\n", quire_version());
  auto machine = quire::Machine::from_text("ram = \"64M\"\n");
  if (!machine) return 1;
  quire::KmallocResource memory(machine->get());
  const std::pmr::vector<int> numbers(1000, 7, &memory);
  if (quire_virt_to_page(machine->get(), numbers.data()) == nullptr) return 1;
  return quire_version() == QUIRE_VERSION ? 0 : 1;
}
