// Every directive that is known, from the tables of the modules: `caisson --list-directives`.
#pragma once

#include <ostream>

#include "rules/language.h"

namespace caisson::app {

// One line each, sorted: NAME, where it may stand, how many arguments it takes, and what becomes of it, with tabs
// between. A name with several meanings ("server") has a line for each.
void list_directives(const rules::Language& language, std::ostream& out);

}  // namespace caisson::app
