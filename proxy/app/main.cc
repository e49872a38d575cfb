#include "app/caisson.h"
#include "app/commands.h"
#include "app/tools.h"

int main(int argc, char** argv) {
  const std::span<const char* const> arguments(argv, static_cast<std::size_t>(argc));
  if (const auto status = caisson::app::run_tool(arguments)) return *status;
  caisson::app::Caisson caisson;
  return caisson::app::run(caisson, arguments);
}
