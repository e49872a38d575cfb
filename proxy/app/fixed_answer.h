// Answers every request with one text, in threads of their own: enough to see processes, signals and reloads at work.
#pragma once

#include <string>

#include "app/product.h"

namespace caisson::app {

int serve_fixed_answer(Serving& serving, const std::string& text);

}  // namespace caisson::app
