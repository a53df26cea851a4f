/* The version of Quire: the one place it is written. CMake, pkg-config and the package
 * read it from here.
 *
 * Compare at compile time with QUIRE_VERSION >= QUIRE_VERSION_NUMBER(0, 1, 0); ask the
 * shared library that was loaded with quire_version(). */
#ifndef QUIRE_VERSION_H
#define QUIRE_VERSION_H

#include <quire/export.h>

#define QUIRE_VERSION_MAJOR 0
#define QUIRE_VERSION_MINOR 1
#define QUIRE_VERSION_PATCH 0

#define QUIRE_VERSION_NUMBER(major, minor, patch) ((major) * 10000 + (minor) * 100 + (patch))
#define QUIRE_VERSION \
  QUIRE_VERSION_NUMBER(QUIRE_VERSION_MAJOR, QUIRE_VERSION_MINOR, QUIRE_VERSION_PATCH)

#ifdef __cplusplus
extern "C" {
#endif

/* QUIRE_VERSION of the library that is running, which may be newer than the header. */
QUIRE_API int quire_version(void);

#ifdef __cplusplus
}
#endif

#endif
