// gzip and gunzip: answers compressed for clients that take it, unpacked for those that do not.
// ngx_http_gzip_filter_module, ngx_http_gunzip_filter_module
#pragma once

#include <string>

#include "http/message.h"
#include "rules/language.h"

namespace caisson::gateway {

// An entity tag of other bytes that mean the same: "W/" before a strong one. ngx_http_weak_etag
void weaken_etag(http::Headers& headers);

// After all stages that look at Content-Type.
void describe_gzip(rules::Language& language);

}  // namespace caisson::gateway
