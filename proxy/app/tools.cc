#include "app/tools.h"

#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "auth/htpasswd_tool.h"

namespace caisson::app {

std::optional<int> run_tool(std::span<const char* const> argv) {
  if (argv.size() < 2 || std::string_view(argv[1]) != "htpasswd") return std::nullopt;
  const std::vector<std::string> args(argv.begin() + 2, argv.end());
  return auth::htpasswd_main(args, auth::ask_on_standard_input, std::cout, std::cerr);
}

}  // namespace caisson::app
