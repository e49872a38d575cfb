// registry_json_errors: what the gate itself refuses in front of a registry is said as registries say it, in a JSON
// body that docker and its like show to their users; of a page in HTML they only say that it is no JSON.
//
// Unset, it is on where the embedded registry answers and off elsewhere: there nginx's page is what stood there before.
#pragma once

#include <optional>
#include <string>

#include "rules/language.h"
#include "rules/request_state.h"

namespace caisson::gateway {

// The JSON body for a status of our own, or nothing where the page of the status is to be sent.
std::optional<std::string> registry_error_body(const rules::RequestState& state, unsigned status);

// Whether a 401 of ours stands in the place of a registry's: then clients look for its version header there.
bool is_challenge_for_registry(const rules::RequestState& state, unsigned status);

void describe_registry_errors(rules::Language& language);

}  // namespace caisson::gateway
