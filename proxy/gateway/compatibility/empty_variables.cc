// Variables of nginx that tell of what is not done here: they have no value, as they have none in nginx while what they
// tell of is off.

#include <array>
#include <string_view>

#include "gateway/compatibility/parts.h"

namespace caisson::gateway {

using rules::VariableSpec;

namespace {

rules::Value no_value(rules::RequestState&, std::string_view) { return std::nullopt; }

constexpr std::array variables = {
    VariableSpec{"fastcgi_path_info", &no_value},
    VariableSpec{"http2", &no_value},
    VariableSpec{"request_body", &no_value},  // bodies are streamed, and never held
    VariableSpec{"request_body_file", &no_value},
    VariableSpec{"sent_trailer_", &no_value, nullptr, true},
    VariableSpec{"slice_range", &no_value},
    VariableSpec{"uid_got", &no_value},
    VariableSpec{"uid_set", &no_value},
    VariableSpec{"upstream_cache_etag", &no_value},
    VariableSpec{"upstream_cache_last_modified", &no_value},
    VariableSpec{"upstream_trailer_", &no_value, nullptr, true},
};

constexpr std::array settable = {
    VariableSpec{"uid_reset", &no_value},
};

}  // namespace

void describe_empty_variables(rules::Language& language) {
  language.add_variables(variables);
  language.add_settable_variables(settable);
}

}  // namespace caisson::gateway
