#include "registry/face/compose.h"

#include <array>

namespace caisson::registry::face {
namespace {

using config::SourcePos;

constexpr const char* upstream_url = "http://registry";
// Go's file server of what is nowhere.
constexpr const char* not_found = "404 page not found\n";
constexpr const char* plain_text = "text/plain; charset=utf-8";

// The options of the registry that take a key's value as it is.
struct Option {
  std::string_view path;
  std::string_view directive;
};
constexpr std::array options = {
    Option{"storage.delete.enabled", "registry_delete"},
    Option{"storage.maintenance.readonly.enabled", "registry_read_only"},
    Option{"storage.maintenance.uploadpurging.enabled", "registry_upload_purging"},
    Option{"storage.maintenance.uploadpurging.age", "registry_upload_age"},
    Option{"storage.maintenance.uploadpurging.interval", "registry_upload_purge_interval"},
    Option{"storage.maintenance.uploadpurging.dryrun", "registry_upload_purge_dry_run"},
    Option{"catalog.maxentries", "registry_catalog_max"},
    Option{"validation.manifests.urls.allow", "registry_layer_urls_allow"},
    Option{"validation.manifests.urls.deny", "registry_layer_urls_deny"},
    Option{"validation.disabled", "registry_layer_urls_unchecked"},
    Option{"http.relativeurls", "registry_relative_urls"},
};

// Go's canonical form of a header's name, as registry:2 sends it: "x-foo" becomes "X-Foo".
std::string canonical(std::string name) {
  bool starts = true;
  for (char& c : name) {
    if (starts && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!starts && c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    starts = c == '-';
  }
  return name;
}

class Composer {
 public:
  Composer(const Values& values, const Surroundings& around, Findings& findings)
      : values_(values), around_(around), findings_(findings), nowhere_{around.name, 0} {}

  Block compose() {
    Block top;
    top.push_back(line("daemon", {"off"}, nowhere_));
    top.push_back(line("worker_processes", {"auto"}, nowhere_));
    // Without it the start's signal ends at once, as registry:2 does.
    if (const Value* drain = values_.find("http.draintimeout"); drain != nullptr && drain->word() != "0ms") {
      top.push_back(line("worker_shutdown_timeout", {drain->word()}, drain->at));
    }
    add_error_log(top, values_, nowhere_, findings_);
    top.push_back(block("http", {}, nowhere_, http()));
    return top;
  }

 private:
  void fail(const SourcePos& at, std::string_view what, std::string_view hint = {}) {
    findings_.errors.push_back(config::error_at(at, what, hint));
  }
  SourcePos place_of(const Value* value) const { return value != nullptr ? value->at : nowhere_; }

  Block http() {
    Block http;
    // literal() needs it: a dollar sign that begins no variable.
    http.push_back(block("geo", {"$dollar"}, nowhere_, {line("default", {"$"}, nowhere_)}));
    const bool silent = values_.on("log.accesslog.disabled");
    http.push_back(line("access_log",
                        silent ? std::vector<std::string>{"off"} : std::vector<std::string>{"/dev/stdout"},
                        place_of(values_.find("log.accesslog.disabled"))));
    http.push_back(line("client_max_body_size", {"0"}, nowhere_));
    // Nobody in front keeps connections in order here, and registry:2 closes none by itself: long, but not for ever.
    for (const char* const name : {"client_body_timeout", "send_timeout", "keepalive_timeout"}) {
      http.push_back(line(name, {"900s"}, nowhere_));
    }
    http.push_back(line("keepalive_requests", {"1000000"}, nowhere_));
    http.push_back(line("large_client_header_buffers", {"16", "64k"}, nowhere_));
    if (has_prefix()) http.push_back(line("registry_prefix", {prefix() + '/'}, values_.find("http.prefix")->at));
    if (const Value* counted = values_.find("http.debug.prometheus.enabled"); counted && counted->word() == "on") {
      http.push_back(line("registry_metrics", {}, counted->at));
    }
    add_health_checks(http, values_, findings_);
    http.push_back(block("upstream", {"registry"}, nowhere_, upstream()));
    http.push_back(block("server", {}, nowhere_, main_server()));
    if (const Value* addr = values_.find("http.debug.addr"))
      http.push_back(block("server", {}, addr->at, debug(*addr)));
    return http;
  }

  Block upstream() {
    Block upstream;
    const auto filesystem = values_.section("storage.filesystem");
    if (!filesystem && findings_.errors.empty()) {
      fail(values_.section("storage").value_or(nowhere_), "no storage is configured",
           "\"storage: {filesystem: {rootdirectory: /var/lib/registry}}\" keeps images in a folder");
    }
    const Value* const root = values_.find("storage.filesystem.rootdirectory");
    const SourcePos at = root != nullptr ? root->at : filesystem.value_or(nowhere_);
    upstream.push_back(line("registry", {root != nullptr ? root->word() : "/var/lib/registry"}, at));
    upstream.push_back(line("registry_make_folder", {"on"}, at));
    upstream.push_back(line("registry_forwarded", {"on"}, nowhere_));
    for (const Option& option : options) {
      const Value* const value = values_.find(std::string(option.path));
      if (value != nullptr) upstream.push_back(line(std::string(option.directive), value->words, value->at));
    }
    add_collecting(upstream, values_, findings_);
    // The older spelling of "disabled".
    const Value* const enabled = values_.find("validation.enabled");
    if (enabled != nullptr && enabled->word() == "off" && values_.find("validation.disabled") == nullptr) {
      upstream.push_back(line("registry_layer_urls_unchecked", {"on"}, enabled->at));
    }
    if (const Value* host = values_.find("http.host")) add_public_url(upstream, *host);
    add_notifications(upstream, values_, findings_);
    return upstream;
  }

  void add_public_url(Block& upstream, const Value& host) {
    const std::string& url = host.word();
    if (url.find("://") == std::string::npos) {
      findings_.warnings.push_back(config::error_at(host.at,
                                                    "\"http.host\" without a scheme has no effect, as in registry:2",
                                                    "write \"https://" + url + '"')
                                       .what);
      return;
    }
    upstream.push_back(line("registry_public_url", {url}, host.at));
  }

  bool has_prefix() const { return !prefix().empty(); }
  // Without the slash at its end; "" for none.
  std::string prefix() const {
    const Value* const value = values_.find("http.prefix");
    std::string text = value != nullptr ? value->word() : "";
    if (!text.empty() && !text.starts_with('/')) text = '/' + text;
    while (text.ends_with('/')) text.pop_back();
    return text;
  }

  Block main_server() {
    Block server;
    const bool tls = add_tls(server, values_, findings_);
    const Value* const net = values_.find("http.net");
    if (net != nullptr && net->word() != "tcp" && net->word() != "unix") {
      fail(net->at, "\"http.net\" is tcp or unix, not \"" + net->word() + '"');
    }
    const bool unix_socket = net != nullptr && net->word() == "unix";
    const Value usual{{":5000"}, nowhere_};
    const Value* const addr = values_.find("http.addr");
    add_listens(server, addr != nullptr ? *addr : usual, "http.addr", unix_socket, around_,
                tls ? std::vector<std::string>{"ssl"} : std::vector<std::string>{}, findings_);
    server.push_back(line("health_gate", {"on"}, nowhere_));
    server.push_back(line("error_page", {"497", "=400", "@plain_http"}, nowhere_));
    const Block guards = access();
    Block alive = {line("proxy_pass", {upstream_url}, nowhere_)};
    server.push_back(block("location", {"=", "/"}, nowhere_, alive));
    server.push_back(block("location", {"=", prefix() + "/v2"}, nowhere_, api(guards)));
    server.push_back(block("location", {"^~", prefix() + "/v2/"}, nowhere_, api(guards)));
    server.push_back(block("location", {"/"}, nowhere_, nothing_here(true)));
    server.push_back(block("location", {"@plain_http"}, nowhere_,
                           {line("default_type", {plain_text}, nowhere_),
                            line("return", {"400", "Client sent an HTTP request to an HTTPS server.\n"}, nowhere_)}));
    return server;
  }

  Block api(const Block& guards) {
    Block location;
    location.push_back(line("proxy_pass", {upstream_url}, nowhere_));
    add_headers(location);
    // Browsers ask for permission with OPTIONS and without credentials.
    if (!guards.empty()) location.push_back(block("limit_except", {"OPTIONS"}, guards.front().at, guards));
    return location;
  }

  void add_headers(Block& location) {
    for (const auto& [name, value] : values_.below("http.headers")) {
      const std::string header = canonical(name);
      for (const std::string& word : value->words) {
        const bool there_anyway = header == "X-Content-Type-Options" && word == "nosniff";
        if (!there_anyway) location.push_back(line("add_header", {header, literal(word), "always"}, value->at));
      }
    }
  }

  Block access() {
    const auto section = values_.section("auth.htpasswd");
    if (const auto tokens = values_.section("auth.token")) {
      if (section) fail(*tokens, "\"auth.token\" beside \"auth.htpasswd\": there is one kind of access control");
      return token_guards(values_, *tokens, findings_);
    }
    if (!section) return {};
    const Value* const realm = values_.find("auth.htpasswd.realm");
    const Value* const path = values_.find("auth.htpasswd.path");
    if (realm == nullptr) {
      fail(*section, "\"auth.htpasswd\" needs a \"realm\", the name that clients are shown",
           "REGISTRY_AUTH_HTPASSWD_REALM sets it");
    }
    if (path == nullptr) {
      fail(*section, "\"auth.htpasswd\" needs a \"path\", the file of users",
           "mount it, as /auth/htpasswd, and set REGISTRY_AUTH_HTPASSWD_PATH to it");
    }
    if (realm == nullptr || path == nullptr) return {};
    if (path->word().find('$') != std::string::npos) fail(path->at, "\"auth.htpasswd.path\" may have no \"$\" in it");
    return {line("auth_basic", {literal(realm->word())}, realm->at),
            line("auth_basic_user_file", {path->word()}, path->at), line("auth_basic_keep_users", {"on"}, path->at)};
  }

  // What registry:2 answers to paths that it does not know.
  Block nothing_here(bool of_registry) {
    Block location = {line("default_type", {plain_text}, nowhere_),
                      line("add_header", {"X-Content-Type-Options", "nosniff", "always"}, nowhere_)};
    if (of_registry) {
      location.push_back(line("add_header", {"Docker-Distribution-Api-Version", "registry/2.0", "always"}, nowhere_));
    }
    location.push_back(line("return", {"404", not_found}, nowhere_));
    return location;
  }

  Block debug(const Value& addr) {
    Block server;
    const Value* const main = values_.find("http.addr");
    if (main != nullptr && main->word() == addr.word()) fail(addr.at, "\"http.debug.addr\" is \"http.addr\"");
    add_listens(server, addr, "http.debug.addr", false, around_, {}, findings_);
    server.push_back(line("access_log", {"off"}, nowhere_));
    server.push_back(block("location", {"=", "/debug/health"}, nowhere_, {line("health_status", {}, nowhere_)}));
    if (values_.on("http.debug.prometheus.enabled")) {
      const Value* const path = values_.find("http.debug.prometheus.path");
      const SourcePos at = place_of(path);
      const std::string where = path != nullptr ? path->word() : "/metrics";
      if (!where.starts_with('/')) fail(at, "\"http.debug.prometheus.path\" begins with \"/\"");
      server.push_back(block("location", {"=", where}, at, {line("prometheus_metrics", {}, at)}));
    }
    server.push_back(block("location", {"/"}, nowhere_, nothing_here(false)));
    return server;
  }

  const Values& values_;
  const Surroundings& around_;
  Findings& findings_;
  const SourcePos nowhere_;
};

}  // namespace

std::string literal(std::string_view text) {
  std::string made;
  for (const char c : text) {
    if (c == '$') {
      made += "${dollar}";
    } else {
      made += c;
    }
  }
  return made;
}

Block compose(const Values& values, const Surroundings& around, Findings& findings) {
  return Composer(values, around, findings).compose();
}

}  // namespace caisson::registry::face
