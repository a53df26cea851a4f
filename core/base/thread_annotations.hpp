// Lock rules that clang's -Wthread-safety checks; GCC sees nothing.
#pragma once

#ifdef __clang__
#define QUIRE_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define QUIRE_THREAD_ATTRIBUTE(x)
#endif

#define QUIRE_CAPABILITY(name) QUIRE_THREAD_ATTRIBUTE(capability(name))
#define QUIRE_SCOPED_CAPABILITY QUIRE_THREAD_ATTRIBUTE(scoped_lockable)
#define QUIRE_GUARDED_BY(lock) QUIRE_THREAD_ATTRIBUTE(guarded_by(lock))
#define QUIRE_REQUIRES(...) QUIRE_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define QUIRE_EXCLUDES(...) QUIRE_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define QUIRE_ACQUIRE(...) QUIRE_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define QUIRE_RELEASE(...) QUIRE_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define QUIRE_ACQUIRE_SHARED(...) \
  QUIRE_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define QUIRE_RELEASE_SHARED(...) \
  QUIRE_THREAD_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define QUIRE_TRY_ACQUIRE_SHARED(...) \
  QUIRE_THREAD_ATTRIBUTE(try_acquire_shared_capability(__VA_ARGS__))
#define QUIRE_TRY_ACQUIRE(...) QUIRE_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define QUIRE_RETURN_CAPABILITY(lock) QUIRE_THREAD_ATTRIBUTE(lock_returned(lock))
#define QUIRE_NO_THREAD_SAFETY_ANALYSIS QUIRE_THREAD_ATTRIBUTE(no_thread_safety_analysis)
