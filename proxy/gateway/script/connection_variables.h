// Variables that tell of the connection: its other end in binary form, its age, the kernel's view of it, and the fields
// of an answer that belong to the connection.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_connection_variables(rules::Language& language);

}  // namespace caisson::gateway
