// error_page: what is answered in the place of an error. ngx_http_core_module.
#pragma once

#include <optional>

#include "rules/language.h"
#include "rules/template.h"

namespace caisson::gateway {

struct ErrorPage {
  rules::Template target;          // a path, a URL, or "@name"
  std::optional<unsigned> status;  // "=200"; 0 for a lone "=": the status of what the target answers
};

// The page for a status under the settings in force, or null.
const ErrorPage* find_error_page(const rules::Level& level, unsigned status);

// Whether any status has a page here, and whether the page of an error page's own error is looked for again.
bool has_error_pages(const rules::Level& level);
bool recursive_error_pages(const rules::Level& level);

void describe_error_page(rules::Language& language);

}  // namespace caisson::gateway
