// Calls of the C API in any order, with arguments that may be hostile: what is right succeeds,
// what is wrong is refused with a reason, what was written is read, and in the end, all given back,
// the machine's books balance. Left out is what the API says would not return: QUIRE_GFP_NOFAIL,
// QUIRE_SLAB_PANIC; and to free in another's name what is in use, which is anybody's to break.
#include <algorithm>
#include <string>

#include "tests/fuzz/api_held.hpp"

namespace quire::test {
namespace {

class Calls : public ApiHeld {
 public:
  using ApiHeld::ApiHeld;

  void run() {
    using Call = void (Calls::*)();
    constexpr Call kCalls[] = {
        &Calls::take_pages,  &Calls::give_pages,  &Calls::bad_pages,     &Calls::take_exact,
        &Calls::give_exact,  &Calls::take_range,  &Calls::bad_ranges,    &Calls::make_cache,
        &Calls::end_cache,   &Calls::take_object, &Calls::give_object,   &Calls::take_bulk,
        &Calls::take_memory, &Calls::give_memory, &Calls::resize_memory, &Calls::bad_memory,
        &Calls::take_area,   &Calls::give_area,   &Calls::use_area,      &Calls::bad_areas,
        &Calls::take_map,    &Calls::give_map,    &Calls::take_percpu,   &Calls::give_percpu,
        &Calls::bad_percpu,  &Calls::use_cpu,     &Calls::use_files,     &Calls::flush};
    while (!input_.ended()) (this->*kCalls[input_.take<std::uint8_t>() % std::size(kCalls)])();
  }

  void end() {
    while (quire_put_cpu(machine_) == 0) {}
    (void)quire_detach(machine_);
    while (!maps_.empty()) give_map();
    while (!pages_.empty()) give_pages();
    while (!exact_.empty()) give_exact();
    while (!objects_.empty()) give_object();
    while (!memory_.empty()) give_memory();
    while (!areas_.empty()) give_area();
    while (!percpu_.empty()) give_percpu();
    while (!caches_.empty()) end_cache();
    audit();
  }

 private:
  void take_pages() {
    const unsigned order = number<std::uint8_t>() % 13;
    const int from = node();
    quire_page* const first = quire_alloc_pages_node(machine_, from, gfp(), order);
    if (first == nullptr) return refused(first);
    require(order <= QUIRE_MAX_ORDER && quire_page_to_pfn(machine_, first) % (1 << order) == 0);
    pages_.push_back({first, order});
  }
  void give_pages() {
    if (pages_.empty()) return;
    const Block block = take_out(pages_);
    if (number<std::uint8_t>() % 4 == 0) refused(quire_free_pages(machine_, block.first, 11));
    require(quire_free_pages(machine_, block.first, block.order) == 0);
    if (number<std::uint8_t>() % 4 == 0)
      refused(quire_free_pages(machine_, block.first, block.order));
  }
  void bad_pages() {
    auto* const page = static_cast<quire_page*>(nowhere());
    if (page == nullptr || machine_->page_of(page) != nullptr) return;
    refused(quire_free_pages(machine_, page, number<std::uint8_t>()));
    refused(quire_split_page(machine_, page, number<std::uint8_t>()));
    refused(quire_page_to_pfn(machine_, page));
    refused(quire_page_address(machine_, page));
    refused(quire_page_zone(machine_, page));
    refused(quire_page_node(machine_, page));
    refused(quire_free_pages_exact(machine_, page, size()));
    (void)quire_pfn_to_page(machine_, number<std::uint64_t>());
  }

  void take_exact() {
    const std::size_t bytes = size();
    const int from = node();
    quire_page* const first = quire_alloc_pages_exact(machine_, from, gfp(), bytes);
    if (first == nullptr) return refused(first);
    exact_.push_back({first, bytes});
  }
  void give_exact() {
    if (exact_.empty()) return;
    const Exact exact = take_out(exact_);
    require(quire_free_pages_exact(machine_, exact.first, exact.size) == 0);
    refused(quire_free_pages_exact(machine_, exact.first, exact.size));
  }
  void take_range() {
    const std::uint64_t count = number<std::uint16_t>() % 2000;
    const int from = node();
    quire_page* const first = quire_alloc_contig_pages(machine_, from, gfp(), count);
    if (first == nullptr) return refused(first);
    const auto start = static_cast<std::uint64_t>(quire_page_to_pfn(machine_, first));
    const quire_range range{start << QUIRE_PAGE_SHIFT, count << QUIRE_PAGE_SHIFT};
    refused(quire_alloc_contig_range(machine_, &range, QUIRE_GFP_KERNEL));
    require(quire_free_contig_range(machine_, &range) == 0);
  }
  void bad_ranges() {
    quire_range range{number<std::uint64_t>(), number<std::uint64_t>()};
    if (quire_alloc_contig_range(machine_, &range, gfp()) == 0)
      require(quire_free_contig_range(machine_, &range) == 0);
    refused(quire_add_memory(machine_, node(), &range));
    range.start |= 1;
    refused(quire_free_contig_range(machine_, &range));
    refused(quire_remove_memory(machine_, &range));
  }

  static void leave(void*) {}
  void make_cache() {
    const std::string name(number<std::uint8_t>() % 60, 'a' + number<std::uint8_t>() % 26);
    const auto flags = number<std::uint32_t>() & ~QUIRE_SLAB_PANIC;
    const quire_cache_spec spec{.size = sizeof spec,
                                .name = name.c_str(),
                                .object_size = static_cast<std::uint32_t>(size()),
                                .align = number<std::uint8_t>() % 4 == 0
                                             ? number<std::uint32_t>()
                                             : 1u << number<std::uint8_t>() % 13,
                                .flags = flags,
                                .constructor = number<std::uint8_t>() % 8 == 0 ? &leave : nullptr};
    quire_kmem_cache* const cache = quire_kmem_cache_create(machine_, &spec);
    if (cache == nullptr) return refused(cache);
    const bool plain = spec.constructor == nullptr && (flags & QUIRE_SLAB_TYPESAFE_BY_RCU) == 0;
    caches_.push_back({cache, spec.object_size, plain});
  }
  void end_cache() {
    if (caches_.empty()) return refused(quire_kmem_cache_alloc(machine_, nullptr, gfp()));
    const Cache cache = caches_[number<std::uint16_t>() % caches_.size()];
    require(quire_kmem_cache_shrink(machine_, cache.cache) >= 0);
    const auto mine = [&](const auto& one) { return one.cache == cache.cache; };
    if (std::ranges::any_of(objects_, mine)) return;
    const int code = quire_kmem_cache_destroy(machine_, cache.cache);
    require(code == 0 || checked_);  // an object that was freed twice may be lost
    caches_.erase(std::ranges::find_if(caches_, mine));
  }
  void keep_object(const Cache& cache, void* at) {
    Marked object{at, cache.plain ? cache.size : 0, 0, cache.cache};
    mark(object);
    objects_.push_back(object);
  }
  void take_object() {
    if (caches_.empty()) return;
    const Cache cache = caches_[number<std::uint16_t>() % caches_.size()];
    const int from = node();
    void* const at = quire_kmem_cache_alloc_node(machine_, cache.cache, gfp(), from);
    if (at == nullptr) return refused(at);
    keep_object(cache, at);
  }
  void take_bulk() {
    if (caches_.empty()) return;
    const Cache cache = caches_[number<std::uint16_t>() % caches_.size()];
    void* found[40];
    const quire_objects wanted{number<std::uint8_t>() % std::size(found), found};
    const std::int64_t got = quire_kmem_cache_alloc_bulk(machine_, cache.cache, gfp(), &wanted);
    require(got == 0 || got == static_cast<std::int64_t>(wanted.count));
    for (std::int64_t i = 0; i < got; ++i) keep_object(cache, found[i]);
  }
  void give_object() {
    if (objects_.empty()) return;
    const Marked object = take_out(objects_);
    check(object);
    refused(quire_kmem_cache_free(machine_, object.cache, static_cast<char*>(object.at) + 1));
    refused(quire_kmem_cache_free(machine_, object.cache, nowhere_but_null()));
    require(quire_kmem_cache_free(machine_, object.cache, object.at) == 0);
    if (checked_ && number<std::uint8_t>() % 4 == 0)
      (void)quire_kmem_cache_free(machine_, object.cache, object.at);
  }
  void take_memory() {
    const std::size_t bytes = size();
    const int from = node();
    const quire_gfp_t flags = gfp();
    void* const at = number<std::uint8_t>() % 4 == 0
                         ? quire_kvmalloc_node(machine_, bytes, flags & ~QUIRE_GFP_DIRECT_RECLAIM,
                                               from)
                         : quire_kmalloc_node(machine_, bytes, flags, from);
    if (at == nullptr) return refused(at);
    keep_memory(at, bytes);
  }
  void keep_memory(void* at, std::size_t bytes) {
    Marked memory{at, bytes, 0, nullptr};
    require(bytes == 0 || quire_ksize(machine_, at) >= static_cast<std::int64_t>(bytes));
    mark(memory);
    memory_.push_back(memory);
  }
  void give_memory() {
    if (memory_.empty()) return;
    const Marked memory = take_out(memory_);
    check(memory);
    const bool real = memory.at != QUIRE_ZERO_SIZE_PTR;
    if (real) refused(quire_kfree(machine_, static_cast<char*>(memory.at) + 1));
    require((number<std::uint8_t>() % 2 == 0 ? quire_kfree(machine_, memory.at)
                                             : quire_kvfree(machine_, memory.at)) == 0);
    if (real && checked_ && number<std::uint8_t>() % 4 == 0)
      (void)quire_kfree(machine_, memory.at);
  }
  void resize_memory() {
    if (memory_.empty()) return;
    const Marked memory = take_out(memory_);
    check(memory);
    const std::size_t bytes = size();
    void* const at = quire_krealloc(machine_, memory.at, bytes, gfp());
    if (at == nullptr) {
      refused(at);
      return memory_.push_back(memory);
    }
    if (bytes != 0 && memory.size != 0)
      require(*static_cast<std::uint8_t*>(at) == memory.mark);
    keep_memory(at, bytes);
  }
  void bad_memory() {
    void* const at = nowhere();
    if (reinterpret_cast<std::uintptr_t>(at) <= 16) return;
    refused(quire_kfree(machine_, at));
    refused(quire_ksize(machine_, at));
    refused(quire_krealloc(machine_, at, size(), gfp()));
    refused(quire_kmem_cache_size(machine_, static_cast<quire_kmem_cache*>(at)));
  }

  void take_area() {
    const std::size_t bytes = size();
    void* at = nullptr;
    switch (number<std::uint8_t>() % 4) {
      case 0: at = quire_vmalloc_huge(machine_, bytes, gfp()); break;
      case 1: at = quire_vzalloc(machine_, bytes); break;
      case 2: at = quire_vmalloc_user(machine_, bytes); break;
      default: at = quire_vmalloc_node(machine_, bytes, gfp(), node());
    }
    if (at == nullptr) return refused(at);
    areas_.push_back({at, bytes, 0, nullptr});
  }
  void give_area() {
    if (areas_.empty()) return;
    const Marked area = take_out(areas_);
    refused(quire_vunmap(machine_, area.at));
    refused(quire_vfree(machine_, static_cast<char*>(area.at) + 1));
    require((number<std::uint8_t>() % 2 == 0 ? quire_vfree(machine_, area.at)
                                             : quire_kvfree(machine_, area.at)) == 0);
    refused(quire_vfree(machine_, area.at));
  }
  void use_area() {
    if (areas_.empty()) return;
    const Marked& area = areas_[number<std::uint16_t>() % areas_.size()];
    const std::size_t offset = number<std::uint32_t>() % area.size;
    char* const at = static_cast<char*>(area.at) + offset;
    std::uint64_t wrote = number<std::uint64_t>();
    std::uint64_t read = 0;
    const std::size_t length = std::min(sizeof wrote, area.size - offset);
    require(quire_vmalloc_write(machine_, at, &wrote, length) == static_cast<int>(length));
    require(quire_vmalloc_read(machine_, at, &read, length) == static_cast<int>(length));
    require(std::memcmp(&wrote, &read, length) == 0);
    quire_page* const page = quire_vmalloc_to_page(machine_, at);
    require(*(static_cast<char*>(quire_page_address(machine_, page)) +
              reinterpret_cast<std::uintptr_t>(at) % 4096) == *reinterpret_cast<char*>(&wrote));
  }
  void bad_areas() {
    void* const at = nowhere_but_null();
    const bool held = std::ranges::any_of(areas_, [&](auto& area) { return area.at == at; });
    if (held || std::ranges::any_of(maps_, [&](auto& map) { return map.at == at; })) return;
    refused(quire_vfree(machine_, at));
    refused(quire_vunmap(machine_, at));
    (void)quire_vmalloc_to_page(machine_, at);
    char byte;
    (void)quire_vmalloc_read(machine_, reinterpret_cast<void*>(number<std::uint64_t>()), &byte, 1);
    refused(quire_vmalloc_write(machine_, at, &byte, ~std::size_t{0}));
  }
  void take_map() {
    if (pages_.empty() || maps_.size() > 50) return;
    Mapped map{nullptr, std::vector(number<std::uint8_t>() % 20, pages_.back().first)};
    map.at = quire_vmap(machine_, map.pages.data(), map.pages.size());
    if (map.at == nullptr) return refused(map.at);
    maps_.push_back(map);
  }
  void give_map() {
    if (maps_.empty()) return;
    const Mapped map = take_out(maps_);
    require(quire_vmalloc_to_page(machine_, map.at) == map.pages.front());
    refused(quire_vfree(machine_, map.at));
    require(quire_vunmap(machine_, map.at) == 0);
  }

  void take_percpu() {
    const unsigned align = number<std::uint8_t>() % 4 == 0 ? number<std::uint32_t>() : 8;
    void* const pointer = quire_alloc_percpu(machine_, size(), align, gfp());
    if (pointer == nullptr) return refused(pointer);
    percpu_.push_back(pointer);
    *static_cast<char*>(quire_per_cpu_ptr(machine_, pointer, 1)) = 1;
  }
  void give_percpu() {
    if (percpu_.empty()) return;
    void* const pointer = take_out(percpu_);
    require(quire_per_cpu_ptr(machine_, pointer, 0) != nullptr);
    require(quire_free_percpu(machine_, pointer) == 0);
    refused(quire_free_percpu(machine_, pointer));
  }
  void bad_percpu() {
    void* const at = nowhere_but_null();
    if (reinterpret_cast<std::uintptr_t>(at) >> 62 == 1) return;
    refused(quire_free_percpu(machine_, at));
    refused(quire_per_cpu_ptr(machine_, at, number<std::int8_t>() | 2));
    const std::uint64_t initial = number<std::uint64_t>();
    const quire_percpu_variable variable{&initial, number<std::uint8_t>() % (sizeof initial + 1)};
    (void)quire_per_cpu_variable(machine_, &variable, number<std::int8_t>());
  }

  void use_cpu() {
    switch (number<std::uint8_t>() % 4) {
      case 0: (void)quire_attach(machine_, number<std::int8_t>()); break;
      case 1: (void)quire_detach(machine_); break;
      case 2: require(quire_get_cpu(machine_) >= 0); break;
      default: (void)quire_put_cpu(machine_);
    }
  }
  void use_files() {
    constexpr const char* kPaths[] = {"/proc/slabinfo", "/proc/vmallocinfo", "/proc/vmstat",
                                      "/proc/meminfo", "/proc/sys/vm/drop_caches",
                                      "/proc/sys/vm/min_free_kbytes"};
    char text[100];
    require(quire_read(machine_, kPaths[number<std::uint8_t>() % 4], text, sizeof text) >= 0);
    const std::string value = std::to_string(number<std::uint16_t>());
    (void)quire_write(machine_, kPaths[number<std::uint8_t>() % 6], value.c_str());
  }
  void flush() {
    require(quire_flush_tlb_all(machine_) == 0);
    require(quire_vm_unmap_aliases(machine_) == 0);
    (void)quire_flush_tlb_kernel_range(machine_, nowhere(), size());
  }
};

}  // namespace
}  // namespace quire::test

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  quire::test::Calls calls(data, size);
  calls.run();
  calls.end();
  return 0;
}
