// What a request makes depend on the document it would get: If-Match, If-None-Match, If-Modified-Since,
// If-Unmodified-Since, If-Range. ngx_http_not_modified_filter_module; RFC 9110 section 13.
#pragma once

#include <ctime>
#include <optional>
#include <string>

#include "http/headers.h"

namespace caisson::gateway {

struct Validators {
  std::optional<std::time_t> modified;
  std::string etag;  // with its quotes; empty: none
};

enum class ModifiedSince { Off, Exact, Before };  // if_modified_since

enum class Condition { Send, NotModified, Failed };  // 200, 304, 412

Condition check_conditions(const http::Headers& request, const Validators& document, ModifiedSince mode);

// Whether an If-Range, when there is one, lets the Range count.
bool range_may_count(const http::Headers& request, const Validators& document);

}  // namespace caisson::gateway
