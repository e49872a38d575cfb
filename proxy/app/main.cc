#include "app/caisson.h"
#include "app/commands.h"

int main(int argc, char** argv) {
  caisson::app::Caisson caisson;
  return caisson::app::run(caisson, {argv, static_cast<std::size_t>(argc)});
}
