#include "tls/errors.h"

#include <openssl/err.h>

namespace caisson::tls {

std::string ssl_errors() {
  std::string text;
  const char* data = nullptr;
  int flags = 0;
  while (const unsigned long code = ERR_peek_error_data(&data, &flags)) {
    char reason[256];
    ERR_error_string_n(code, reason, sizeof reason);
    text += text.empty() ? "(SSL: " : " ";
    text += reason;
    if ((flags & ERR_TXT_STRING) != 0 && *data != '\0') text.append(":").append(data);
    ERR_get_error();
  }
  if (!text.empty()) text += ')';
  return text;
}

Error ssl_call_failed(std::string_view call) {
  std::string what = std::string(call) + " failed";
  const std::string reasons = ssl_errors();
  if (!reasons.empty()) what += ' ' + reasons;
  return {ErrorCode::BadConfig, std::move(what)};
}

}  // namespace caisson::tls
