#include "registry/face/keys.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/text.h"

namespace caisson::registry::face {
namespace {

constexpr std::string_view only_disk =
    "images are kept on a disk here: set storage.filesystem.rootdirectory to a folder or a volume";

constexpr std::array keys = {
    Key{"version", Kind::Text},

    Key{"log.level", Kind::Text},
    Key{"log.formatter", Kind::Text},
    Key{"log.fields.*", Kind::Text},
    Key{"log.accesslog.disabled", Kind::Flag},
    Key{"log.hooks", Kind::Any, Use::Told, "nothing of the log is sent by mail"},
    Key{"loglevel", Kind::Text},

    Key{"storage.filesystem.rootdirectory", Kind::Text},
    Key{"storage.filesystem.maxthreads", Kind::Any, Use::Silent},
    Key{"storage.delete.enabled", Kind::Flag},
    Key{"storage.cache", Kind::Any, Use::Silent},
    Key{"storage.redirect", Kind::Any, Use::Silent},
    Key{"storage.tag", Kind::Any, Use::Silent},
    Key{"storage.maintenance.readonly.enabled", Kind::Flag},
    Key{"storage.maintenance.uploadpurging.enabled", Kind::Flag},
    Key{"storage.maintenance.uploadpurging.age", Kind::Duration},
    Key{"storage.maintenance.uploadpurging.interval", Kind::Duration},
    Key{"storage.maintenance.uploadpurging.dryrun", Kind::Flag},
    Key{"storage.maintenance.garbagecollect.enabled", Kind::Flag},
    Key{"storage.maintenance.garbagecollect.interval", Kind::Duration},
    Key{"storage.maintenance.garbagecollect.grace", Kind::Duration},
    Key{"storage.maintenance.garbagecollect.trash", Kind::Duration},
    Key{"storage.maintenance.garbagecollect.rate", Kind::Number},
    Key{"storage.maintenance.garbagecollect.untagged", Kind::Flag},
    Key{"storage.maintenance.garbagecollect.dryrun", Kind::Flag},
    Key{"storage.maintenance.retention[].repositories", Kind::Text},
    Key{"storage.maintenance.retention[].newest", Kind::Number},
    Key{"storage.maintenance.retention[].younger", Kind::Duration},
    Key{"storage.maintenance.retention[].keep", Kind::Text},
    Key{"storage.maintenance.retention[].dryrun", Kind::Flag},
    Key{"storage.inmemory", Kind::Any, Use::Refused, only_disk},
    Key{"storage.s3", Kind::Any, Use::Refused, only_disk},
    Key{"storage.s3aws", Kind::Any, Use::Refused, only_disk},
    Key{"storage.azure", Kind::Any, Use::Refused, only_disk},
    Key{"storage.gcs", Kind::Any, Use::Refused, only_disk},
    Key{"storage.swift", Kind::Any, Use::Refused, only_disk},
    Key{"storage.oss", Kind::Any, Use::Refused, only_disk},

    Key{"auth.htpasswd.realm", Kind::Text},
    Key{"auth.htpasswd.path", Kind::Text},
    Key{"auth.none", Kind::Any, Use::Silent},
    Key{"auth.token.realm", Kind::Text},
    Key{"auth.token.service", Kind::Text},
    Key{"auth.token.issuer", Kind::Text},
    Key{"auth.token.rootcertbundle", Kind::Text},
    Key{"auth.token.jwks", Kind::Text},
    Key{"auth.token.autoredirect", Kind::Flag},
    Key{"auth.token.autoredirectpath", Kind::Any, Use::Told, "clients are sent to /auth/token"},
    Key{"auth.token.signingalgorithms", Kind::Any, Use::Told, "every algorithm that fits a trusted key counts"},
    Key{"auth.silly", Kind::Any, Use::Refused, "it lets everybody in; use auth.htpasswd"},

    Key{"middleware", Kind::Any, Use::Refused, "there are no middlewares here: take the section out"},
    Key{"reporting", Kind::Any, Use::Told, "nothing is reported to services outside"},

    Key{"http.addr", Kind::Text},
    Key{"http.net", Kind::Text},
    Key{"http.host", Kind::Text},
    Key{"http.prefix", Kind::Text},
    Key{"http.secret", Kind::Text, Use::Silent},  // uploads carry no signed state here
    Key{"http.relativeurls", Kind::Flag},
    Key{"http.draintimeout", Kind::Duration},
    Key{"http.tls.certificate", Kind::Text},
    Key{"http.tls.key", Kind::Text},
    Key{"http.tls.clientcas", Kind::Texts},
    Key{"http.tls.minimumtls", Kind::Text},
    Key{"http.tls.ciphersuites", Kind::Texts},
    Key{"http.tls.letsencrypt", Kind::Any, Use::Refused,
        "no certificates are fetched here: have certbot or lego write http.tls.certificate and http.tls.key"},
    Key{"http.headers.*", Kind::Texts},
    Key{"http.debug.addr", Kind::Text},
    Key{"http.debug.prometheus.enabled", Kind::Flag},
    Key{"http.debug.prometheus.path", Kind::Text},
    Key{"http.http2", Kind::Any, Use::Silent},
    Key{"http.h2c", Kind::Any, Use::Silent},

    Key{"notifications.events.includereferences", Kind::Flag},
    Key{"notifications.endpoints[].name", Kind::Text},
    Key{"notifications.endpoints[].disabled", Kind::Flag},
    Key{"notifications.endpoints[].url", Kind::Text},
    Key{"notifications.endpoints[].headers.*", Kind::Texts},
    Key{"notifications.endpoints[].timeout", Kind::Duration},
    Key{"notifications.endpoints[].threshold", Kind::Number},
    Key{"notifications.endpoints[].backoff", Kind::Duration},
    Key{"notifications.endpoints[].ignoredmediatypes", Kind::Texts},
    Key{"notifications.endpoints[].ignore.mediatypes", Kind::Texts},
    Key{"notifications.endpoints[].ignore.actions", Kind::Texts},
    Key{"redis", Kind::Any, Use::Told, "no cache outside this program is needed"},

    Key{"health.storagedriver.enabled", Kind::Flag},
    Key{"health.storagedriver.interval", Kind::Duration},
    Key{"health.storagedriver.threshold", Kind::Number},
    Key{"health.file[].file", Kind::Text},
    Key{"health.file[].interval", Kind::Duration},
    Key{"health.file[].threshold", Kind::Number},
    Key{"health.http[].uri", Kind::Text},
    Key{"health.http[].headers.*", Kind::Texts},
    Key{"health.http[].statuscode", Kind::Number},
    Key{"health.http[].timeout", Kind::Duration},
    Key{"health.http[].interval", Kind::Duration},
    Key{"health.http[].threshold", Kind::Number},
    Key{"health.tcp[].addr", Kind::Text},
    Key{"health.tcp[].timeout", Kind::Duration},
    Key{"health.tcp[].interval", Kind::Duration},
    Key{"health.tcp[].threshold", Kind::Number},

    Key{"proxy.remoteurl", Kind::Text, Use::Refused, "this registry is no pull-through cache: take \"proxy\" out"},
    Key{"proxy.username", Kind::Any, Use::Silent},
    Key{"proxy.password", Kind::Any, Use::Silent},
    Key{"proxy.ttl", Kind::Any, Use::Silent},

    Key{"validation.enabled", Kind::Flag},
    Key{"validation.disabled", Kind::Flag},
    Key{"validation.manifests.urls.allow", Kind::Texts},
    Key{"validation.manifests.urls.deny", Kind::Texts},
    Key{"catalog.maxentries", Kind::Number},
    Key{"compatibility.schema1.enabled", Kind::Flag, Use::Told,
        "schema 1 manifests that are there are served, new ones are not taken"},
    Key{"compatibility.schema1.signingkeyfile", Kind::Any, Use::Silent},
    Key{"policy", Kind::Any, Use::Told, "every class of repository is taken"},
};

// registry:2 makes a variable's name of what its sources call a field, which is not always the key in the file.
struct Alias {
  std::string_view path;     // the parent
  std::string_view segment;  // in the variable
  std::string_view name;     // in the file
};
constexpr std::array aliases = {
    Alias{"health", "FILECHECKERS", "file"},
    Alias{"health", "HTTPCHECKERS", "http"},
    Alias{"health", "TCPCHECKERS", "tcp"},
    Alias{"compatibility.schema1", "TRUSTKEY", "signingkeyfile"},
};

bool is_index(std::string_view text) { return text::to_number(text).has_value(); }

// The next part of a path, taken off it: "tcp[0].addr" -> "tcp", then "[0]", then "addr".
std::string_view take_part(std::string_view& path) {
  if (path.starts_with('.')) path.remove_prefix(1);
  const std::size_t end = path.starts_with('[') ? path.find(']') + 1 : path.find_first_of(".[");
  const std::string_view part = path.substr(0, end);
  path.remove_prefix(std::min(part.size(), path.size()));
  return part;
}

bool part_matches(std::string_view pattern, std::string_view part) {
  if (pattern == "*") return !part.starts_with('[');
  if (pattern == "[]") return part == "[]" || (part.starts_with('[') && is_index(part.substr(1, part.size() - 2)));
  return pattern == part;
}

// Whether `path` leads into or along the key's path; takes what they share off both.
bool follows(std::string_view& pattern, std::string_view& path) {
  while (!pattern.empty() && !path.empty()) {
    std::string_view next = pattern;
    const std::string_view wanted = take_part(next);
    if (wanted == "*") {  // the name may have dots: all that is left is the name
      pattern = {};
      path = {};
      return true;
    }
    if (!part_matches(wanted, take_part(path))) return false;
    pattern = next;
  }
  return true;
}

std::size_t distance(std::string_view a, std::string_view b) {  // Levenshtein
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j < row.size(); ++j) row[j] = j;
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t change = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

const Key* find_key(std::string_view path) {
  for (const Key& key : keys) {
    std::string_view pattern = key.path;
    std::string_view rest = path;
    if (!follows(pattern, rest) || !pattern.empty()) continue;
    if (rest.empty() || key.kind == Kind::Any) return &key;
  }
  return nullptr;
}

bool is_section(std::string_view path) { return !names_below(path).empty(); }

std::vector<std::string_view> names_below(std::string_view path) {
  std::vector<std::string_view> names;
  for (const Key& key : keys) {
    std::string_view pattern = key.path;
    std::string_view rest = path;
    if (!follows(pattern, rest) || !rest.empty() || pattern.empty()) continue;
    const std::string_view name = take_part(pattern);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return names;
}

std::string_view variable_alias(std::string_view path, std::string_view segment) {
  const auto found = std::find_if(aliases.begin(), aliases.end(),
                                  [&](const Alias& alias) { return alias.path == path && alias.segment == segment; });
  return found == aliases.end() ? std::string_view() : found->name;
}

bool must_be_known(std::string_view path) {
  const std::string_view section = path.substr(0, path.find('.'));
  return (section == "auth" || section == "storage") && path.size() > section.size();
}

std::string_view nearest_key(std::string_view path) {
  std::string_view best;
  std::size_t best_distance = std::max<std::size_t>(1, path.size() / 4) + 1;
  const auto consider = [&](std::string_view candidate) {
    const std::size_t d = distance(path, candidate);
    if (d < best_distance) {
      best_distance = d;
      best = candidate;
    }
  };
  for (const Key& key : keys) {
    if (key.path.find('*') != std::string_view::npos) continue;
    for (std::size_t dot = key.path.find('.'); dot != std::string_view::npos; dot = key.path.find('.', dot + 1)) {
      consider(key.path.substr(0, dot));
    }
    consider(key.path);
  }
  return best;
}

std::string below(std::string_view path, std::string_view name) {
  if (path.empty()) return std::string(name);
  return std::string(path) + (name.starts_with('[') ? "" : ".") + std::string(name);
}

}  // namespace caisson::registry::face
