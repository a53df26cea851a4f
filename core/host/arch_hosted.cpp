#include "host/arch.hpp"

#ifdef QUIRE_ARCH_HOSTED
namespace quire {

[[gnu::tls_model("initial-exec")]] constinit thread_local CpuContext* hosted_current = nullptr;

}  // namespace quire
#endif
