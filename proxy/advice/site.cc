#include "advice/site.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/text.h"

namespace caisson::advice {

namespace {

using config::Directive;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// What a location's words say of the paths it answers.
struct Match {
  bool regex = false;
  bool named = false;
  std::string text;
};

Match match_of(const Directive& location) {
  const std::string& first = location.args.front();
  if (location.args.size() == 1) return {false, first.starts_with('@'), first};
  return {first.starts_with('~'), false, location.args[1]};
}

// Words by which people name what stands behind such a configuration.
constexpr std::array registry_words{"registry", "docker", "5000", "nexus", "artifactory", "harbor", "quay", "gitlab"};

bool names_a_registry(std::string_view text) {
  const std::string lowered = text::lowered(text);
  return std::any_of(registry_words.begin(), registry_words.end(),
                     [&](std::string_view word) { return contains(lowered, word); });
}

class Visit {
 public:
  using OnServer = std::function<void(const Server&)>;
  using OnPath = std::function<void(const RegistryPath&)>;

  Visit(const Scope& http, const OnServer& on_server, const OnPath& on_path)
      : http_(http), on_server_(on_server), on_path_(on_path) {}

  void run() {
    for (const Directive* block : http_.own("server")) {
      const Scope scope(*block, &http_);
      const Server server = server_of(scope);
      on_server_(server);
      has_api_location_ = false;
      note_api_locations(*block);
      for_locations(server, scope);
    }
  }

 private:
  static Server server_of(const Scope& scope) {
    Server server{scope, scope.own("listen"), true, false, {}};
    const Directive* const ssl = scope.one("ssl");
    const bool all = ssl != nullptr && ssl->args.front() == "on";
    for (const Directive* listen : server.listens) {
      const bool tls = all || std::find(listen->args.begin() + 1, listen->args.end(), "ssl") != listen->args.end();
      server.any_tls = server.any_tls || tls;
      server.all_tls = server.all_tls && tls;
      const std::string& address = listen->args.front();
      const std::string_view port = std::string_view(address).substr(address.rfind(':') + 1);
      server.ports.push_back(static_cast<unsigned>(text::to_number(port).value_or(80)));
    }
    if (server.listens.empty()) {
      server.all_tls = server.any_tls = all;
      server.ports = {80};
    }
    return server;
  }

  // Whether some location of the server is about /v2/ in particular: then "/" is about something else.
  void note_api_locations(const Directive& block) {
    for (const Directive& inner : block.block) {
      if (inner.name != "location") continue;
      const Match match = match_of(inner);
      if (match.regex ? contains(match.text, "v2") : match.text.starts_with("/v2")) has_api_location_ = true;
      note_api_locations(inner);
    }
  }

  void for_locations(const Server& server, const Scope& outer) {
    for (const Directive* block : outer.own("location")) {
      const Scope scope(*block, &outer);
      for_location(server, scope);
      for_locations(server, scope);
    }
  }

  void for_location(const Server& server, const Scope& location) {
    const Match match = match_of(location.block());
    for (const Directive* pass : location.own("proxy_pass")) for_pass(server, location, location, match, *pass);
    for (const Directive* block : location.own("if")) {
      const Scope scope(*block, &location);
      for (const Directive* pass : scope.own("proxy_pass")) for_pass(server, scope, location, match, *pass);
    }
  }

  void for_pass(const Server& server, const Scope& scope, const Scope& location, const Match& match,
                const Directive& pass) {
    const Directive* const upstream = upstream_of(pass);
    const bool embedded = upstream != nullptr && !own(*upstream, "registry").empty();
    const bool by_name = embedded || names_a_registry(all_words(pass, upstream, server));
    bool of_registry = false;
    if (match.regex) {
      of_registry = contains(match.text, "v2");
    } else if (match.named) {
      of_registry = by_name;
    } else if (match.text.starts_with("/v2")) {
      of_registry = true;
    } else {
      of_registry = by_name && !has_api_location_ && std::string_view("/v2/").starts_with(match.text);
    }
    if (!of_registry) return;
    on_path_({server, scope, location, pass, match.regex || match.named ? "" : match.text, embedded});
  }

  static Directives own(const Directive& block, std::string_view name) { return Scope(block, nullptr).own(name); }

  // The upstream block that a proxy_pass names; null: it names a host.
  const Directive* upstream_of(const Directive& pass) const {
    std::string_view name = pass.args.front();
    name.remove_prefix(std::min(name.size(), name.find("://") == std::string_view::npos ? 0 : name.find("://") + 3));
    name = name.substr(0, name.find('/'));
    for (const Directive* upstream : http_.own("upstream")) {
      if (upstream->args.front() == name) return upstream;
    }
    return nullptr;
  }

  static std::string all_words(const Directive& pass, const Directive* upstream, const Server& server) {
    std::string words = pass.args.front();
    if (upstream != nullptr) {
      for (const Directive* one : own(*upstream, "server")) words += ' ' + one->args.front();
    }
    for (const Directive* names : server.scope.own("server_name")) {
      for (const std::string& name : names->args) words += ' ' + name;
    }
    return words;
  }

  const Scope& http_;
  const OnServer& on_server_;
  const OnPath& on_path_;
  bool has_api_location_ = false;
};

}  // namespace

Directives Scope::own(std::string_view name) const {
  Directives found;
  for (const Directive& directive : block_->block) {
    if (directive.name == name) found.push_back(&directive);
  }
  return found;
}

Directives Scope::in_force(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->outer_) {
    Directives found = scope->own(name);
    if (!found.empty()) return found;
  }
  return {};
}

const Directive* Scope::one(std::string_view name) const {
  const Directives found = in_force(name);
  return found.empty() ? nullptr : found.back();
}

Directives Scope::hidden(std::string_view name) const {
  return outer_ == nullptr || own(name).empty() ? Directives{} : outer_->in_force(name);
}

const Directive* RegistryPath::request_header(std::string_view name) const {
  for (const Directive* header : scope.in_force("proxy_set_header")) {
    if (text::iequals(header->args.front(), name)) return header;
  }
  return nullptr;
}

void Findings::add(const config::SourcePos& at, std::string text) {
  const bool told = std::any_of(all_.begin(), all_.end(), [&](const Finding& known) {
    return known.text == text && known.at.file == at.file && known.at.line == at.line;
  });
  if (!told) all_.push_back({at, std::move(text)});
}

std::vector<Finding> Findings::take() {
  std::vector<std::string> files;
  for (const Finding& finding : all_) {
    if (std::find(files.begin(), files.end(), finding.at.file) == files.end()) files.push_back(finding.at.file);
  }
  const auto place = [&](const Finding& finding) {
    return std::pair(std::find(files.begin(), files.end(), finding.at.file), finding.at.line);
  };
  std::stable_sort(all_.begin(), all_.end(), [&](const Finding& a, const Finding& b) { return place(a) < place(b); });
  return std::move(all_);
}

void visit(const std::vector<Directive>& configuration, const std::function<void(const Server&)>& server,
           const std::function<void(const RegistryPath&)>& path) {
  for (const Directive& block : configuration) {
    if (block.name != "http") continue;
    const Scope http(block, nullptr);
    Visit(http, server, path).run();
  }
}

}  // namespace caisson::advice
