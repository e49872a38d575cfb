// registry:2's 401: where to get a token that would do, and what was wrong with the one that came.
//
// Threading: none of its own.
#pragma once

#include <string_view>
#include <vector>

#include "http/message.h"
#include "registry/routes/accesses.h"

namespace caisson::auth::token {

enum class Complaint : unsigned char { None, InvalidToken, InsufficientScope };

http::Answer challenge(std::string_view realm, std::string_view service, const std::vector<registry::Access>& accesses,
                       Complaint complaint);

}  // namespace caisson::auth::token
