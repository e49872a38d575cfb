// What -V says of nginx's modules: scripts and test suites look there for what a binary can do.
#pragma once

#include <string>

#include "rules/language.h"

namespace caisson::app {

// "configure arguments: ...": how an nginx would have been configured to do the same. A module counts as there when
// the language honours the directives that make it worth having, so this cannot promise more than it holds.
std::string configure_arguments(const rules::Language& language);

}  // namespace caisson::app
