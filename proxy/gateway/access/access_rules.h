// allow, deny, satisfy and limit_except: who may ask at all. ngx_http_access_module, ngx_http_core_module.
#pragma once

#include <optional>

#include "async/task.h"
#include "http/message.h"
#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// Runs all access checks of the language as `satisfy` says: all must agree, or one that grants is enough. The refusal,
// if it comes to one.
async::Task<std::optional<http::Answer>> check_access(rules::RequestState& state, const rules::Language& language);

// The settings of this location for that method: those of its limit_except block, when the method is not among those
// that it exempts.
const rules::Level& level_for_method(const rules::Level& location, std::string_view method);

void describe_access_rules(rules::Language& language);

}  // namespace caisson::gateway
