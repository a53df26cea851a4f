#include "base/result.hpp"

namespace quire {

const char* name_of(Errno error) {
  switch (error) {
    case Errno::kPermission: return "EPERM";
    case Errno::kNoEntry: return "ENOENT";
    case Errno::kIo: return "EIO";
    case Errno::kNoSuchAddress: return "ENXIO";
    case Errno::kBadFile: return "EBADF";
    case Errno::kAgain: return "EAGAIN";
    case Errno::kNoMemory: return "ENOMEM";
    case Errno::kAccess: return "EACCES";
    case Errno::kFault: return "EFAULT";
    case Errno::kBusy: return "EBUSY";
    case Errno::kExists: return "EEXIST";
    case Errno::kNoDevice: return "ENODEV";
    case Errno::kInvalid: return "EINVAL";
    case Errno::kTooManyFiles: return "EMFILE";
    case Errno::kTextBusy: return "ETXTBSY";
    case Errno::kFileTooBig: return "EFBIG";
    case Errno::kNoSpace: return "ENOSPC";
    case Errno::kRange: return "ERANGE";
    case Errno::kOverflow: return "EOVERFLOW";
    case Errno::kNotSupported: return "EOPNOTSUPP";
  }
  return "errno?";
}

}  // namespace quire
