// split_clients: a variable that divides requests by percentages. ngx_http_split_clients_module.
#pragma once

#include <cstdint>
#include <string_view>

#include "rules/language.h"

namespace caisson::gateway {

// MurmurHash2, by which nginx divides.
std::uint32_t murmur_hash2(std::string_view text);

void describe_split_clients(rules::Language& language);

}  // namespace caisson::gateway
