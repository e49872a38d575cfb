// User and password of a request, as `Authorization: Basic` brings them (RFC 7617).
#pragma once

#include <optional>
#include <string>

#include "auth/secret.h"
#include "http/headers.h"

namespace caisson::auth {

struct BasicCredentials {
  std::string user;  // never empty
  Secret password;

  // Nothing when there are none, or none that nginx would take: another scheme, broken base64, no colon, no user. Nor
  // when there are several Authorization fields: a backend might believe another one than we.
  static std::optional<BasicCredentials> of(const http::Headers& headers);
};

}  // namespace caisson::auth
