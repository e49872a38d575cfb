#include "app/tools.h"

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

#include "app/caisson.h"
#include "app/container/entry.h"
#include "app/container/health.h"
#include "app/list_directives.h"
#include "auth/htpasswd_tool.h"

namespace caisson::app {

namespace {

int run_htpasswd(std::span<const char* const> arguments) {
  const std::vector<std::string> args(arguments.begin(), arguments.end());
  return auth::htpasswd_main(args, auth::ask_on_standard_input, std::cout, std::cerr);
}

}  // namespace

std::optional<int> run_tool(std::span<const char* const> argv) {
  if (!argv.empty() && std::string_view(argv[0]).ends_with("htpasswd")) return run_htpasswd(argv.subspan(1));
  if (argv.size() < 2) return std::nullopt;
  const std::string_view tool = argv[1];
  if (tool == "--list-directives") {
    rules::Language language;
    describe_all(language);
    list_directives(language, std::cout);
    return EXIT_SUCCESS;
  }
  const std::vector<std::string> args(argv.begin() + 2, argv.end());
  if (tool == "container") return container::enter(args);
  if (tool == "health") return container::check_health(std::cerr);
  if (tool == "htpasswd") return run_htpasswd(argv.subspan(2));
  return std::nullopt;
}

}  // namespace caisson::app
