// try_files: the first of several files that there is. ngx_http_try_files_module; after the access phase, before the
// content.
#pragma once

#include <optional>

#include "async/task.h"
#include "http/message.h"
#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Nothing and no state.redirect_to: go on to the content, $uri may have become another.
async::Task<std::optional<http::Answer>> try_files(rules::RequestState& state);
// Whether the settings in force have any.
bool has_try_files(const rules::Level& level);

void describe_try_files(rules::Language& language);

}  // namespace caisson::gateway
