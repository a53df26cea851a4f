// A machine's memory for containers of the standard library: std::pmr resources over kmalloc, over
// a cache of objects of one size, and over pages.
//
//   quire::KmallocResource memory(machine->get());
//   std::pmr::map<int, std::pmr::string> names(&memory);
//
// Ownership  A resource borrows the machine, and what it goes to for more; whatever it gave is
//            freed before it ends.
// Alignment  Any power of two: what kmalloc and caches do not align themselves, up to a page,
//            is asked for larger; PageResource aligns up to its largest block.
// Errors     std::bad_alloc when there is no memory, and for what is larger than 4 MiB.
// Threads    As the C API: any.
#pragma once

#include <quire/pages.hpp>
#include <quire/quire.h>

#include <cstddef>
#include <memory_resource>
#include <new>

namespace quire {
inline namespace api {

// What is asked of a resource.
struct MemoryRequest {
  std::size_t bytes;
  std::size_t align;
};

// Blocks of 2^n pages, each request one of its own. Equal for one machine.
class PageResource final : public std::pmr::memory_resource {
 public:
  explicit PageResource(quire_machine* machine, Gfp gfp = Gfp::kKernel)
      : machine_(machine), gfp_(gfp) {}

 private:
  // The smallest block that holds `bytes` and is as aligned: blocks are aligned to their size.
  static unsigned order_of(MemoryRequest wanted) {
    const std::size_t size = wanted.bytes < wanted.align ? wanted.align : wanted.bytes;
    unsigned order = 0;
    while (order <= QUIRE_MAX_ORDER && std::size_t{1} << (order + QUIRE_PAGE_SHIFT) < size) ++order;
    return order;
  }
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    quire_page* const first =
        quire_alloc_pages(machine_, static_cast<quire_gfp_t>(gfp_), order_of({bytes, align}));
    if (first == nullptr) throw std::bad_alloc();
    return quire_page_address(machine_, first);
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t align) override {
    quire_free_pages(machine_, quire_virt_to_page(machine_, memory), order_of({bytes, align}));
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    const auto* const same = dynamic_cast<const PageResource*>(&other);
    return same != nullptr && same->machine_ == machine_;
  }

  quire_machine* machine_;
  Gfp gfp_;
};

// Sizes that are powers of two are aligned to themselves, up to a page. Equal for one machine.
class KmallocResource final : public std::pmr::memory_resource {
 public:
  explicit KmallocResource(quire_machine* machine, Gfp gfp = Gfp::kKernel)
      : machine_(machine), gfp_(gfp), pages_(machine, gfp) {}

 private:
  static constexpr std::size_t kPage = std::size_t{1} << QUIRE_PAGE_SHIFT;
  static constexpr std::size_t kWord = 8;

  // A power of two from the alignment on, where the size alone does not see to it.
  static std::size_t aligned_size(MemoryRequest wanted) {
    if (wanted.align <= kWord || wanted.bytes > kPage) return wanted.bytes;
    std::size_t size = wanted.align;
    while (size < wanted.bytes) size *= 2;
    return size;
  }
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    if (align > kPage) return pages_.allocate(bytes, align);
    void* const memory = quire_kmalloc(machine_, aligned_size({bytes == 0 ? 1 : bytes, align}),
                                       static_cast<quire_gfp_t>(gfp_));
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t align) override {
    if (align > kPage) return pages_.deallocate(memory, bytes, align);
    quire_kfree(machine_, memory);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    const auto* const same = dynamic_cast<const KmallocResource*>(&other);
    return same != nullptr && same->machine_ == machine_;
  }

  quire_machine* machine_;
  Gfp gfp_;
  PageResource pages_;
};

// What fits into an object of the cache comes from there, the rest from `others`: for containers of
// nodes. Owns the cache, unless it could not be made: then all comes from `others`.
class CacheResource final : public std::pmr::memory_resource {
 public:
  CacheResource(quire_machine* machine, quire_cache_spec spec, std::pmr::memory_resource* others)
      : machine_(machine), spec_(spec), others_(others),
        cache_(quire_kmem_cache_create(machine, &spec)) {
    if (spec_.align == 0) spec_.align = sizeof(void*);
  }
  ~CacheResource() override { quire_kmem_cache_destroy(machine_, cache_); }
  CacheResource(const CacheResource&) = delete;
  CacheResource& operator=(const CacheResource&) = delete;

  [[nodiscard]] quire_kmem_cache* cache() const { return cache_; }

 private:
  [[nodiscard]] bool fits(MemoryRequest wanted) const {
    return cache_ != nullptr && wanted.bytes <= spec_.object_size && wanted.align <= spec_.align;
  }
  void* do_allocate(std::size_t bytes, std::size_t align) override {
    if (!fits({bytes, align})) return others_->allocate(bytes, align);
    void* const object = quire_kmem_cache_alloc(machine_, cache_, QUIRE_GFP_KERNEL);
    if (object == nullptr) throw std::bad_alloc();
    return object;
  }
  void do_deallocate(void* memory, std::size_t bytes, std::size_t align) override {
    if (!fits({bytes, align})) return others_->deallocate(memory, bytes, align);
    quire_kmem_cache_free(machine_, cache_, memory);
  }
  [[nodiscard]] bool do_is_equal(const memory_resource& other) const noexcept override {
    return this == &other;
  }

  quire_machine* machine_;
  quire_cache_spec spec_;
  std::pmr::memory_resource* others_;
  quire_kmem_cache* cache_;
};

}  // namespace api
}  // namespace quire
