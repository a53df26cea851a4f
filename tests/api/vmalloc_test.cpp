// vmalloc and its kin through the C API.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <quire/quire.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "tests/api/machines.hpp"

namespace {

using quire::test::kNative;
using quire::test::kTwoNodes;

constexpr size_t kPage = 4096;

class VmallocApi : public testing::TestWithParam<quire_host> {
 protected:
  void SetUp() override {
    quire_options options = kNative;
    options.host = GetParam();
    machine_ = quire_machine_create_from_text(kTwoNodes, &options, nullptr, 0);
    ASSERT_NE(machine_, nullptr) << quire_last_error();
  }
  void TearDown() override { quire_machine_destroy(machine_); }

  [[nodiscard]] std::string file(const char* path) {
    std::string text(1 << 16, '\0');
    text.resize(static_cast<size_t>(quire_read(machine_, path, text.data(), text.size())));
    return text;
  }
  [[nodiscard]] std::string read(const void* at, size_t size) {
    std::string text(size, '?');
    EXPECT_EQ(quire_vmalloc_read(machine_, at, text.data(), size), static_cast<int64_t>(size))
        << quire_last_error();
    return text;
  }
  int64_t write(void* at, const std::string& text) {
    return quire_vmalloc_write(machine_, at, text.data(), text.size());
  }

  quire_machine* machine_ = nullptr;
};
INSTANTIATE_TEST_SUITE_P(Hosts, VmallocApi, testing::Values(QUIRE_HOST_SIM, QUIRE_HOST_NATIVE));

char* bytes(void* address) { return static_cast<char*>(address); }

TEST_P(VmallocApi, WhatIsWrittenAcrossPagesIsRead) {
  char* const at = bytes(quire_vzalloc(machine_, 3 * kPage));
  ASSERT_NE(at, nullptr) << quire_last_error();
  EXPECT_EQ(read(at, 3 * kPage), std::string(3 * kPage, '\0'));
  EXPECT_EQ(write(at + kPage - 3, "across"), 6);
  EXPECT_EQ(read(at + kPage - 3, 6), "across");
  quire_page* const second = quire_vmalloc_to_page(machine_, at + kPage);
  EXPECT_EQ(std::memcmp(quire_page_address(machine_, second), "oss", 3), 0);
  EXPECT_EQ(quire_vmalloc_to_page(machine_, at + 3 * kPage), nullptr);
  EXPECT_STREQ(quire_last_error(), "nothing is mapped there: EFAULT");
  EXPECT_EQ(quire_is_vmalloc_addr(machine_, at), 1);
  EXPECT_THAT(file("/proc/vmallocinfo"), testing::HasSubstr("quire_vzalloc pages=3 vmalloc"));
  EXPECT_EQ(quire_vfree(machine_, at), 0);
  EXPECT_EQ(quire_vfree(machine_, at), -EINVAL);
}

TEST_P(VmallocApi, EachKindIsWhatItSays) {
  void* const plain = quire_vmalloc(machine_, 1);
  void* const user = quire_vmalloc_user(machine_, kPage + 1);
  void* const far = quire_vmalloc_node(machine_, 5 * kPage, QUIRE_GFP_KERNEL, 1);
  void* const huge = quire_vmalloc_huge(machine_, 8 << 20, QUIRE_GFP_KERNEL);
  const std::string info = file("/proc/vmallocinfo");
  EXPECT_THAT(info, testing::HasSubstr("quire_vmalloc pages=1 vmalloc N"));
  EXPECT_THAT(info, testing::HasSubstr("quire_vmalloc_user pages=2 vmalloc user N"));
  EXPECT_THAT(info, testing::HasSubstr("quire_vmalloc_node pages=5 vmalloc N1=5"));
  EXPECT_EQ(quire_page_to_pfn(machine_, quire_vmalloc_to_page(machine_, huge)) % 512, 0);
  EXPECT_EQ(read(user, kPage + 1), std::string(kPage + 1, '\0'));
  for (void* const memory : {plain, user, far, huge}) EXPECT_EQ(quire_vfree(machine_, memory), 0);
}

TEST_P(VmallocApi, OnlyWhatOneCallerHasCanBeReadWrittenAndFreed) {
  char* const at = bytes(quire_vmalloc(machine_, 2 * kPage));
  char byte = 0;
  EXPECT_EQ(write(at + 2 * kPage - 2, "end"), -EFAULT);
  EXPECT_EQ(quire_vmalloc_read(machine_, at - 1, &byte, 1), -EFAULT);
  EXPECT_EQ(quire_vmalloc_read(machine_, at, &byte, ~size_t{0}), -EFAULT);
  EXPECT_EQ(quire_vmalloc_read(machine_, &byte, &byte, 1), -EFAULT);
  EXPECT_EQ(quire_vmalloc_read(machine_, at, nullptr, 1), -EINVAL);
  EXPECT_EQ(quire_vmalloc_write(machine_, at, nullptr, 1), -EINVAL);
  EXPECT_EQ(quire_vmalloc_write(machine_, nullptr, nullptr, 0), 0);
  EXPECT_EQ(quire_vfree(machine_, at + kPage), -EINVAL);
  EXPECT_EQ(quire_vunmap(machine_, at), -EINVAL);
  EXPECT_EQ(quire_vfree(machine_, &byte), -EINVAL);
  EXPECT_EQ(quire_vfree(machine_, at), 0);
  EXPECT_EQ(quire_vmalloc_read(machine_, at, &byte, 1), -EFAULT);
}

TEST_P(VmallocApi, TheMachinesOwnAreasAreNotTheCallers) {
  // Behind so many pages, the array of them.
  char* const large = bytes(quire_vmalloc(machine_, 600 * kPage));
  char* const array = large + 601 * kPage;
  ASSERT_NE(quire_vmalloc_to_page(machine_, array), nullptr);
  EXPECT_EQ(quire_vfree(machine_, array), -EINVAL);
  EXPECT_EQ(quire_vunmap(machine_, array), -EINVAL);
  EXPECT_EQ(quire_kvfree(machine_, array), -EINVAL);
  EXPECT_EQ(write(array, "x"), -EFAULT);
  EXPECT_EQ(quire_vfree(machine_, large), 0);
}

TEST_P(VmallocApi, PagesAreShownAtOnePieceOfAddresses) {
  quire_page* pages[3];
  for (quire_page*& page : pages) page = quire_alloc_pages(machine_, QUIRE_GFP_KERNEL, 0);
  std::swap(pages[0], pages[2]);
  char* const at = bytes(quire_vmap(machine_, pages, 3));
  ASSERT_NE(at, nullptr) << quire_last_error();
  std::strcpy(bytes(quire_page_address(machine_, pages[1])) + 7, "shown");
  EXPECT_EQ(read(at + kPage + 7, 5), "shown");
  EXPECT_EQ(quire_vmalloc_to_page(machine_, at + 2 * kPage), pages[2]);
  EXPECT_EQ(quire_vfree(machine_, at), -EINVAL);
  EXPECT_EQ(quire_vunmap(machine_, at), 0);
  EXPECT_EQ(quire_vunmap(machine_, at), -EINVAL);
  for (quire_page* page : pages) EXPECT_EQ(quire_free_pages(machine_, page, 0), 0);
  EXPECT_EQ(quire_vmap(machine_, pages, 0), nullptr);
  EXPECT_EQ(quire_vmap(machine_, nullptr, 1), nullptr);
  EXPECT_EQ(quire_vmap(machine_, pages, ~size_t{0}), nullptr);
  pages[2] = nullptr;
  EXPECT_EQ(quire_vmap(machine_, pages, 3), nullptr);
  EXPECT_STREQ(quire_last_error(), "not a page of this machine: EINVAL");
}

TEST_P(VmallocApi, KvmallocGivesAPointerWhereOnePieceIsThere) {
  char* const small = bytes(quire_kvmalloc(machine_, 100, QUIRE_GFP_KERNEL));
  EXPECT_EQ(quire_is_vmalloc_addr(machine_, small), 0);
  std::strcpy(small, "directly");
  EXPECT_EQ(read(small, 8), "directly");
  char* const large = bytes(quire_kvmalloc_node(machine_, 5 << 20, QUIRE_GFP_KERNEL, 1));
  ASSERT_NE(large, nullptr) << quire_last_error();
  EXPECT_EQ(quire_is_vmalloc_addr(machine_, large), 1);
  EXPECT_EQ(quire_page_node(machine_, quire_vmalloc_to_page(machine_, large)), 1);
  EXPECT_EQ(write(small, "by copy"), 7);
  EXPECT_STREQ(small, "by copyy");
  EXPECT_EQ(write(large + (5 << 20) - 4, "last"), 4);
  for (void* const memory : {small, large}) {
    EXPECT_EQ(quire_kvfree(machine_, memory), 0);
    EXPECT_EQ(quire_kvfree(machine_, nullptr), 0);
  }
  EXPECT_EQ(quire_kvfree(machine_, large), -EINVAL);
  EXPECT_EQ(quire_kvfree(machine_, quire_vmalloc(machine_, 1)), 0);
}

TEST_P(VmallocApi, SizesNodesAndMachinesThatMakeNoSenseAreRefused) {
  EXPECT_EQ(quire_vmalloc(machine_, 0), nullptr);
  EXPECT_STREQ(quire_last_error(), "no size: EINVAL");
  for (const size_t size : {size_t{1} << 30, size_t{1} << 62, ~size_t{0}}) {
    EXPECT_EQ(quire_vmalloc(machine_, size), nullptr);
    EXPECT_STREQ(quire_last_error(), "no memory of that size: ENOMEM");
    EXPECT_EQ(quire_vmalloc_huge(machine_, size, QUIRE_GFP_KERNEL), nullptr);
    EXPECT_EQ(quire_kvmalloc(machine_, size, QUIRE_GFP_KERNEL), nullptr);
  }
  EXPECT_EQ(quire_vmalloc_node(machine_, kPage, QUIRE_GFP_KERNEL, 2), nullptr);
  EXPECT_EQ(quire_kvmalloc_node(machine_, kPage, QUIRE_GFP_KERNEL, -3), nullptr);
  EXPECT_EQ(quire_vmalloc(nullptr, kPage), nullptr);
  EXPECT_EQ(quire_vmalloc_node(nullptr, kPage, QUIRE_GFP_KERNEL, 0), nullptr);
  EXPECT_EQ(quire_vmap(nullptr, nullptr, 1), nullptr);
  EXPECT_EQ(quire_kvmalloc(nullptr, 1, QUIRE_GFP_KERNEL), nullptr);
  EXPECT_EQ(quire_vmalloc_to_page(nullptr, nullptr), nullptr);
  EXPECT_EQ(quire_vmalloc_to_page(machine_, this), nullptr);
  EXPECT_EQ(quire_vmalloc_read(nullptr, nullptr, nullptr, 0), -EINVAL);
  EXPECT_EQ(quire_vfree(nullptr, nullptr), -EINVAL);
  EXPECT_EQ(quire_kvfree(nullptr, nullptr), -EINVAL);
  EXPECT_EQ(quire_is_vmalloc_addr(nullptr, nullptr), -EINVAL);
  EXPECT_EQ(quire_vm_unmap_aliases(nullptr), -EINVAL);
}

TEST_P(VmallocApi, FreedAddressesComeBackWhenAliasesAreGone) {
  void* const first = quire_vmalloc(machine_, kPage);
  EXPECT_EQ(quire_vfree(machine_, first), 0);
  EXPECT_NE(quire_vmalloc(machine_, kPage), first);
  EXPECT_EQ(quire_vm_unmap_aliases(machine_), 0);
  EXPECT_EQ(quire_vmalloc(machine_, kPage), first);
}

TEST(TlbApi, FlushesAreCountedWhereCachesAreModelled) {
  const std::string text = std::string("cpus = 2\nram = \"64M\"\n[tlb]\n[kernel]\n") +
                           "debug_tlbflush = true\n";
  char why[200] = "";
  quire_machine* const machine =
      quire_machine_create_from_text(text.c_str(), nullptr, why, sizeof why);
  ASSERT_NE(machine, nullptr) << why;
  const int64_t all = quire_counter(machine, "nr_tlb_remote_flush_received");
  EXPECT_EQ(quire_flush_tlb_all(machine), 0);
  EXPECT_EQ(quire_counter(machine, "nr_tlb_remote_flush_received"), all + 2);  // each CPU
  const int64_t one = quire_counter(machine, "nr_tlb_local_flush_one");
  void* const at = quire_vmalloc(machine, kPage);
  EXPECT_EQ(quire_flush_tlb_kernel_range(machine, at, 2 * kPage), 0);
  EXPECT_GE(quire_counter(machine, "nr_tlb_local_flush_one"), one + 2);
  EXPECT_EQ(quire_flush_tlb_kernel_range(machine, at, ~size_t{0}), -EINVAL);
  void* const last = reinterpret_cast<void*>(~uintptr_t{0} - 1);
  EXPECT_EQ(quire_flush_tlb_kernel_range(machine, last, 1), -EINVAL);
  EXPECT_EQ(quire_flush_tlb_kernel_range(nullptr, at, kPage), -EINVAL);
  EXPECT_EQ(quire_flush_tlb_all(nullptr), -EINVAL);
  quire_machine_destroy(machine);
}

}  // namespace
