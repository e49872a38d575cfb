// root and alias: which file a path of a URL names. ngx_http_core_module: ngx_http_map_uri_to_path.
//
// Ownership: part of the settings. Threading: read-only after loading.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "rules/language.h"
#include "rules/request_state.h"
#include "rules/template.h"

namespace caisson::gateway {

struct DocumentRoot {
  rules::Template folder;  // as written, without a last '/' unless an alias
  std::string prefix;      // where a relative folder starts; ends in '/'
  bool alias = false;
  // For an alias: the location's text, which it replaces; nothing: all of the path, the location is a regex.
  std::optional<std::string> replaces;
};

// disable_symlinks: which symbolic links on the way to a file are followed.
enum class Links {
  Follow,
  SameOwner,  // links that belong to whom their target belongs to
  Refuse,
};

// A file name that a client's request made.
struct FileName {
  std::string path;     // complete
  std::size_t own = 0;  // up to here the configuration's own words; what follows came from the request
  Links links = Links::Follow;
  std::size_t links_from = 0;  // up to here any link is followed
};

// The file that `path` names under the settings in force. Nothing when an alias cannot replace what a rewrite took
// away: that is answered 500.
std::optional<FileName> file_named(rules::RequestState& state, std::string_view path);

// $document_root: the folder itself, complete.
std::string document_root_of(rules::RequestState& state);

// Gives a complete name the rule of disable_symlinks in force; file_named() has done it already.
void take_link_rule(rules::RequestState& state, FileName& name);

void describe_document_root(rules::Language& language);

}  // namespace caisson::gateway
