// The rewrite scripts: return, set, if, rewrite, break. ngx_http_rewrite_module.
#pragma once

#include <optional>

#include "http/message.h"
#include "rules/language.h"
#include "rules/phases.h"

namespace caisson::gateway {

// Runs the script of one level; where an `if` matches, its own level comes into force and its script runs in place.
rules::RewriteStep::Flow run_script(const rules::Level& level, rules::RequestState& state,
                                    std::optional<http::Answer>& answer);

void describe_rewrite(rules::Language& language);

}  // namespace caisson::gateway
