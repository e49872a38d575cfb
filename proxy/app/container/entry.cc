#include "app/container/entry.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "config/source.h"
#include "registry/face/environment.h"

namespace caisson::app::container {

namespace {

constexpr const char* site_folder = "/etc/nginx/conf.d";
constexpr const char* nginx_conf = "/etc/nginx/nginx.conf";
constexpr const char* nginx_conf_of_image = "/usr/share/caisson/nginx.conf";
constexpr const char* registry_conf = "/etc/docker/registry/config.yml";

// The names that the image has this program under.
constexpr std::array own_names{"caisson", "nginx", "registry", "htpasswd"};

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::string read_or_nothing(const char* path) {
  const Result<std::string> text = config::FileSource().read(path);
  return text.ok() ? text.value() : "";
}

// registry:2's entry point adds the program's name to its verbs, options and configuration files; nginx's image has a
// second program, for debugging.
std::vector<std::string> completed(std::vector<std::string> command) {
  constexpr std::array verbs{"serve", "garbage-collect", "trash", "help"};
  const std::string first = command.front();
  if (first.ends_with(".yml") || first.ends_with(".yaml")) {
    command.insert(command.begin(), {"registry", "serve"});
  } else if (first.starts_with('-') || std::find(verbs.begin(), verbs.end(), first) != verbs.end()) {
    command.insert(command.begin(), "registry");
  } else if (first == "nginx-debug") {
    command.front() = "nginx";
  }
  return command;
}

Place of_command(std::vector<std::string> command) {
  command = completed(std::move(command));
  const std::string name = command.front().substr(command.front().rfind('/') + 1);
  const auto of = name == "nginx" ? Place::Of::Nginx : name == "registry" ? Place::Of::Registry : Place::Of::Another;
  return {of, std::move(command), "the command is " + name};
}

void say(const std::string& text) { std::cerr << "caisson/" CAISSON_VERSION ": " << text << std::endl; }

int become(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::string& name = command.front();
  if (std::find(own_names.begin(), own_names.end(), name) != own_names.end()) {
    ::execv("/proc/self/exe", arguments.data());
  } else {
    ::execvp(arguments.front(), arguments.data());
  }
  const int error = errno;
  say(system_error(error, "exec of \"" + name + '"').what +
      (error == ENOENT ? "; the programs of this image are " + listed({own_names.begin(), own_names.end()}) : ""));
  return 127;
}

}  // namespace

Mounted Mounted::look(const Variables& environment) {
  Mounted mounted;
  const Result<std::vector<std::string>> files = config::FileSource().glob(std::string(site_folder) + "/*.conf");
  if (files.ok()) mounted.site_files = files.value();
  const TemplateFolders folders = TemplateFolders::from(environment);
  for (const std::string& name : find_templates(folders)) mounted.site_files.push_back(folders.templates + '/' + name);
  mounted.own_nginx_conf = read_or_nothing(nginx_conf) != read_or_nothing(nginx_conf_of_image);
  for (const auto& [name, value] : environment) {
    if (registry::face::is_registry_variable(name)) mounted.registry_variables.push_back(name);
  }
  return mounted;
}

Place choose_place(std::vector<std::string> command, const Mounted& mounted) {
  if (!command.empty()) return of_command(std::move(command));
  std::string ignored;
  if (!mounted.registry_variables.empty()) ignored = "; " + listed(mounted.registry_variables) + " set nothing there";
  const std::vector<std::string> nginx{"nginx", "-g", "daemon off;"};
  if (mounted.own_nginx_conf) {
    return {Place::Of::Nginx, nginx, std::string(nginx_conf) + " is not the image's" + ignored};
  }
  if (!mounted.site_files.empty()) {
    return {Place::Of::Nginx, nginx, "there is " + listed(mounted.site_files) + ignored};
  }
  const std::vector<std::string> registry{"registry", "serve", registry_conf};
  if (!mounted.registry_variables.empty()) {
    return {Place::Of::Registry, registry, listed(mounted.registry_variables) + " set it up"};
  }
  return {Place::Of::Registry, registry, std::string("there is no command, and no *.conf in ") + site_folder};
}

int enter(std::vector<std::string> command) {
  const Variables environment = environment_variables();
  const Place place = choose_place(std::move(command), Mounted::look(environment));
  if (place.of == Place::Of::Nginx) {
    say("in nginx's place, since " + place.because);
    const Result<std::vector<std::string>> made = fill_templates(TemplateFolders::from(environment), environment);
    if (!made.ok()) {
      say(made.error().what);
      return EXIT_FAILURE;
    }
    for (const std::string& path : made.value()) say("made " + path + " from its template");
  }
  if (place.of == Place::Of::Registry) say("in registry:2's place, since " + place.because);
  return become(place.command);
}

}  // namespace caisson::app::container
