// Configuration files made from templates at the start of a container, as nginx's image does it: $NAME and ${NAME}
// become what the environment has under that name, everything else stays.
//
// Ownership: values. Threading: none of its own; fill_templates() reads and writes the disk.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace caisson::app::container {

using Variables = std::map<std::string, std::string, std::less<>>;

// This process's.
Variables environment_variables();

// A name that is not among the variables is left as it is: nginx's own variables look the same.
std::string substitute(std::string_view text, const Variables& variables);

struct TemplateFolders {
  std::string templates = "/etc/nginx/templates";
  std::string suffix = ".template";
  std::string output = "/etc/nginx/conf.d";
  std::string filter;  // a regular expression for the names that are replaced; empty: all of them

  // As NGINX_ENVSUBST_TEMPLATE_DIR, _TEMPLATE_SUFFIX, _OUTPUT_DIR and _FILTER say.
  static TemplateFolders from(const Variables& environment);
};

// The templates that are there, relative to their folder; none is not an error.
std::vector<std::string> find_templates(const TemplateFolders& folders);

// Writes a file for each template, folders below included. Returns the paths.
Result<std::vector<std::string>> fill_templates(const TemplateFolders& folders, const Variables& variables);

}  // namespace caisson::app::container
