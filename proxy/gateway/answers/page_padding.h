// msie_padding: browsers that show a page of their own in the place of a short error page get a longer one.
// ngx_http_special_response.c
#pragma once

#include <string>

#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// What follows the built-in page of this status; for most clients nothing.
std::string page_padding(const rules::RequestState& state, unsigned status);

void describe_page_padding(rules::Language& language);

}  // namespace caisson::gateway
