#include "base/result.h"

#include <cerrno>
#include <system_error>

namespace caisson {

Error system_error(int error_number, std::string_view doing) {
  ErrorCode code = ErrorCode::Io;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT:
      code = ErrorCode::NoSpace;
      break;
    case EROFS:
    case EACCES:
    case EPERM:
      code = ErrorCode::ReadOnly;
      break;
    case EMFILE:
    case ENFILE:
      code = ErrorCode::Busy;
      break;
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::NotFound;
      break;
    default:
      break;
  }
  std::string what(doing);
  what += " failed (";
  what += std::to_string(error_number);
  what += ": ";
  what += std::generic_category().message(error_number);
  what += ')';
  return {code, std::move(what)};
}

}  // namespace caisson
