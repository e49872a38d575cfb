// The parts of describe_compatibility(), each in a file of its own.
#pragma once

#include "rules/language.h"

namespace caisson::gateway {

// Settings of backends other than HTTP (fastcgi_*, uwsgi_*, ...): accepted, since their "pass" is refused.
void describe_other_backends(rules::Language& language);
// load_module and what belongs to it.
void describe_modules(rules::Language& language);
// Variables that never have a value here.
void describe_empty_variables(rules::Language& language);
// What is refused, each with a way out.
void describe_refused(rules::Language& language);

}  // namespace caisson::gateway
