// Directives that change nothing here, or that are refused: those of nginx's modules that have no counterpart, so that
// a file that people have loads as it is, and what cannot be honoured is said with a way out.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

void describe_compatibility(rules::Language& language);

}  // namespace caisson::gateway
