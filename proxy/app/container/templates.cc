#include "app/container/templates.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "config/source.h"
#include "rules/regex.h"

namespace caisson::app::container {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view first_letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_";
constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";

// The name at the front of what follows a '$', without braces; "" when there is none. `whole` is set to all that a
// value would replace.
std::string_view name_at(std::string_view rest, std::size_t& whole) {
  const bool braced = rest.starts_with('{');
  const std::string_view from = rest.substr(braced ? 1 : 0);
  if (from.empty() || first_letters.find(from.front()) == std::string_view::npos) return {};
  const std::string_view name = from.substr(0, from.find_first_not_of(letters));
  if (braced && !from.substr(name.size()).starts_with('}')) return {};
  whole = name.size() + (braced ? 2 : 0);
  return name;
}

Result<Variables> filtered(const Variables& all, const std::string& filter) {
  if (filter.empty()) return all;
  const Result<rules::Regex> wanted = rules::Regex::compile(filter, rules::Regex::Case::Sensitive);
  if (!wanted.ok()) return Error{ErrorCode::BadConfig, "NGINX_ENVSUBST_FILTER: " + wanted.error().what};
  Variables some;
  for (const auto& [name, value] : all) {
    if (wanted.value().match(name, nullptr) == rules::Regex::Outcome::Match) some.emplace(name, value);
  }
  return some;
}

Result<void> write(const fs::path& path, const std::string& text) {
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  errno = 0;
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) return system_error(errno, "a template's file, \"" + path.string() + "\", cannot be written: write()");
  return {};
}

}  // namespace

Variables environment_variables() {
  Variables variables;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view setting = *at;
    const std::size_t equals = setting.find('=');
    if (equals != std::string_view::npos) variables.emplace(setting.substr(0, equals), setting.substr(equals + 1));
  }
  return variables;
}

std::string substitute(std::string_view text, const Variables& variables) {
  std::string out;
  for (;;) {
    const std::size_t dollar = text.find('$');
    out += text.substr(0, dollar);
    if (dollar == std::string_view::npos) return out;
    text.remove_prefix(dollar + 1);
    std::size_t whole = 0;
    const auto found = variables.find(name_at(text, whole));
    if (found == variables.end()) {
      out += '$';
    } else {
      out += found->second;
      text.remove_prefix(whole);
    }
  }
}

TemplateFolders TemplateFolders::from(const Variables& environment) {
  TemplateFolders folders;
  const auto take = [&](std::string_view name, std::string& into) {
    const auto found = environment.find(name);
    if (found != environment.end() && !found->second.empty()) into = found->second;
  };
  take("NGINX_ENVSUBST_TEMPLATE_DIR", folders.templates);
  take("NGINX_ENVSUBST_TEMPLATE_SUFFIX", folders.suffix);
  take("NGINX_ENVSUBST_OUTPUT_DIR", folders.output);
  take("NGINX_ENVSUBST_FILTER", folders.filter);
  return folders;
}

std::vector<std::string> find_templates(const TemplateFolders& folders) {
  std::vector<std::string> found;
  std::error_code none;
  constexpr auto how = fs::directory_options::follow_directory_symlink | fs::directory_options::skip_permission_denied;
  for (fs::recursive_directory_iterator at(folders.templates, how, none), end; at != end; at.increment(none)) {
    const std::string name = at->path().lexically_relative(folders.templates).string();
    if (at->is_regular_file(none) && name.ends_with(folders.suffix)) found.push_back(name);
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<std::string>> fill_templates(const TemplateFolders& folders, const Variables& variables) {
  const Result<Variables> wanted = filtered(variables, folders.filter);
  if (!wanted.ok()) return wanted.error();
  std::vector<std::string> written;
  for (const std::string& name : find_templates(folders)) {
    const Result<std::string> text = config::FileSource().read((fs::path(folders.templates) / name).string());
    if (!text.ok()) return text.error();
    const fs::path path = fs::path(folders.output) / name.substr(0, name.size() - folders.suffix.size());
    Result<void> done = write(path, substitute(text.value(), wanted.value()));
    if (!done.ok()) return std::move(done).error();
    written.push_back(path.string());
  }
  return written;
}

}  // namespace caisson::app::container
