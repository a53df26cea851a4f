#include <quire/version.h>

int quire_version(void) { return QUIRE_VERSION; }
