#include "auth/token/base64url.h"

#include <algorithm>

#include "base/text.h"

namespace caisson::auth::token {

std::optional<std::string> from_base64url(std::string_view text) {
  if (text.find_first_of("+/=") != std::string_view::npos) return std::nullopt;
  std::string standard(text);
  std::replace(standard.begin(), standard.end(), '-', '+');
  std::replace(standard.begin(), standard.end(), '_', '/');
  return text::from_base64(standard);
}

}  // namespace caisson::auth::token
