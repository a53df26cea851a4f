// Whether a sanitizer's runtime is linked. Known when the test runs, not when it is compiled: the
// tests that run under AddressSanitizer are the release build's (decision 58).
#pragma once

extern "C" {
[[gnu::weak]] void __asan_init();
[[gnu::weak]] void __tsan_init();
}

namespace quire {

inline bool under_address_sanitizer() { return &__asan_init != nullptr; }
inline bool under_thread_sanitizer() { return &__tsan_init != nullptr; }
inline bool under_sanitizer() { return under_address_sanitizer() || under_thread_sanitizer(); }

}  // namespace quire
