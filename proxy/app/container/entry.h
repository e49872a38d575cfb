// What a container of the image begins with, `caisson container [COMMAND...]`: finds out whose place it takes, nginx's
// or registry:2's, says so, and becomes that.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/container/templates.h"

namespace caisson::app::container {

// What the container was given, beside a command.
struct Mounted {
  std::vector<std::string> site_files;  // conf.d/*.conf and templates, as nginx's image takes them
  bool own_nginx_conf = false;          // another nginx.conf than the image's
  std::vector<std::string> registry_variables;

  static Mounted look(const Variables& environment);
};

struct Place {
  enum class Of { Nginx, Registry, Another } of = Of::Another;
  std::vector<std::string> command;  // the first word is the name to be called by
  std::string because;
};

// A command decides as the entry points of both images do; without one, what was mounted does.
Place choose_place(std::vector<std::string> command, const Mounted& mounted);

// Becomes what was chosen; returns, with an exit status, only when that fails.
int enter(std::vector<std::string> command);

}  // namespace caisson::app::container
