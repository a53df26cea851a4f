// What a fuzzer of the C API has of a small machine, and where its arguments come from.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "api/machine_object.hpp"
#include "tests/fuzz/input.hpp"

namespace quire::test {

inline constexpr char kMachine[] = R"(distances = [[10, 20], [20, 10]]
[[node]]
memory = "16M"
cpus = "0"
[[node]]
memory = "16M"
cpus = "1"
[tlb]
)";
inline constexpr char kDebugged[] = "command_line = \"slub_debug=FZP\"\n";

class ApiHeld {
 public:
  ApiHeld(const std::uint8_t* data, std::size_t size)
      : input_(data, size), checked_(input_.take<std::uint8_t>() % 2 == 0) {
    const std::string text = checked_ ? std::string(kDebugged) + kMachine : kMachine;
    machine_ = quire_machine_create_from_text(text.c_str(), nullptr, nullptr, 0);
    require(machine_ != nullptr);
  }
  ~ApiHeld() { quire_machine_destroy(machine_); }
  ApiHeld(const ApiHeld&) = delete;
  ApiHeld& operator=(const ApiHeld&) = delete;

 protected:
  struct Block {
    quire_page* first;
    unsigned order;
  };
  struct Exact {
    quire_page* first;
    std::size_t size;
  };
  // Memory that bears a mark in its first and last byte.
  struct Marked {
    void* at;
    std::size_t size;
    std::uint8_t mark;
    quire_kmem_cache* cache;
  };
  struct Mapped {
    void* at;
    std::vector<quire_page*> pages;
  };
  struct Cache {
    quire_kmem_cache* cache;
    std::uint32_t size;
    bool plain;  // its objects are written to: nothing says what they begin as
  };

  template <class T>
  T number() {
    return input_.take<T>();
  }
  quire_gfp_t gfp() {
    const auto choice = number<std::uint8_t>();
    if (choice < 160) return QUIRE_GFP_KERNEL | (choice % 2 != 0 ? QUIRE_GFP_ZERO : 0);
    return number<std::uint32_t>() & ~QUIRE_GFP_NOFAIL;
  }
  int node() {
    const auto choice = number<std::int8_t>();
    return choice > 100 ? choice : choice < 0 ? QUIRE_NO_NODE : choice % 2;
  }
  std::size_t size() {
    const auto shape = number<std::uint8_t>();
    if (shape == 255) return number<std::uint64_t>();
    return number<std::uint16_t>() >> (shape % 12) << (shape > 200 ? 7 : 0);
  }
  template <class T>
  T take_out(std::vector<T>& held) {
    std::swap(held[number<std::uint16_t>() % held.size()], held.back());
    const T one = held.back();
    held.pop_back();
    return one;
  }
  void* nowhere_but_null() {
    void* const at = nowhere();
    return at == nullptr ? this : at;
  }
  // No address of the machine's.
  void* nowhere() {
    void* const raw = reinterpret_cast<void*>(number<std::uint64_t>());
    return quire_virt_to_page(machine_, raw) == nullptr ? raw : this;
  }
  static void refused(std::int64_t code) {
    require(code < 0 && quire_last_error()[0] != '\0');
  }
  static void refused(const void* pointer) {
    require(pointer == nullptr && quire_last_error()[0] != '\0');
  }

  void mark(Marked& memory) {
    memory.mark = number<std::uint8_t>();
    auto* const bytes = static_cast<std::uint8_t*>(memory.at);
    if (memory.size != 0) bytes[0] = bytes[memory.size - 1] = memory.mark;
  }
  static void check(const Marked& memory) {
    const auto* const bytes = static_cast<const std::uint8_t*>(memory.at);
    if (memory.size != 0) require(bytes[0] == memory.mark && bytes[memory.size - 1] == memory.mark);
  }

  // With everything given back and nobody there.
  void audit() {
    struct : TextSink {
      void write(std::string_view piece) override { text += piece; }
      std::string text;
    } report;
    const OnCpu on_cpu(machine_->machine->cpus().front());
    if (machine_->machine->audit(report).has_value()) return;
    std::fprintf(stderr, "%s\n", report.text.c_str());
    std::abort();
  }

  Input input_;
  const bool checked_;  // second frees are noticed, and so may be made
  quire_machine* machine_;
  std::vector<Block> pages_;
  std::vector<Exact> exact_;
  std::vector<Cache> caches_;
  std::vector<Marked> objects_;
  std::vector<Marked> memory_;
  std::vector<Marked> areas_;
  std::vector<Mapped> maps_;
  std::vector<void*> percpu_;
};

}  // namespace quire::test
