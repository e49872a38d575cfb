#include "gateway/answers/response_headers.h"

#include <array>
#include <ctime>
#include <memory>

#include "base/text.h"
#include "gateway/answers/http_date.h"
#include "gateway/core_settings.h"
#include "rules/loader.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

// ngx_http_headers_filter
bool is_added_without_always(unsigned status) {
  switch (status) {
    case 200:
    case 201:
    case 204:
    case 206:
    case 301:
    case 302:
    case 303:
    case 304:
    case 307:
    case 308:
      return true;
    default:
      return false;
  }
}

namespace {

struct AddedHeader {
  std::string name;
  rules::Template value;
  bool always = false;
};

// All of an outer level's headers are gone as soon as the inner level has one of its own, as in nginx.
struct AddedHeaders {
  std::optional<std::vector<AddedHeader>> headers;
  void inherit(const AddedHeaders& outer) { rules::inherit(headers, outer.headers); }
};

class AddHeaders final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    const auto& added = state.settings<AddedHeaders>().headers;
    if (!added) return;
    for (const AddedHeader& header : *added) {
      if (!header.always && !is_added_without_always(head.status)) continue;
      std::string value = header.value.expand(state);
      if (!value.empty()) head.headers.add(header.name, std::move(value));
    }
  }
};

// Exactly one version header leaves, however many the backend and the configuration have given.
class OneVersionHeader final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState&, http::ResponseHead& head) const override {
    if (head.headers.count(registry_version_header) < 2) return;
    head.headers.set(registry_version_header, *head.headers.find(registry_version_header));
  }
};

// Server and Date stand first, as nginx sends them. A head that has them already (proxy_pass_header) keeps its own.
class ServerAndDate final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    http::Headers complete;
    if (!head.headers.has("Server")) complete.add("Server", server_name_for(state.settings<CoreSettings>()));
    if (!head.headers.has("Date")) complete.add("Date", http_date(std::time(nullptr)));
    for (const http::HeaderField& field : head.headers) complete.add(field.name, field.value);
    head.headers = std::move(complete);
  }
};

Result<void> add_header(Loader& loader, const Directive& d) {
  AddedHeader header;
  header.name = d.args[0];
  if (header.name.ends_with(':')) {
    loader.warn(d.at, "the header name \"" + header.name + "\" ends with a colon, which is sent as it is",
                "write \"" + header.name.substr(0, header.name.size() - 1) + '"');
  }
  if (d.args.size() == 3) {
    if (d.args[2] != "always") return config::error_at(d.at, "invalid parameter \"" + d.args[2] + '"');
    header.always = true;
  }
  Result<rules::Template> value = loader.compile(d.args[1], d);
  if (!value.ok()) return std::move(value).error();
  header.value = std::move(value).value();
  auto& headers = loader.level().own<AddedHeaders>().headers;
  if (!headers) headers.emplace();
  headers->push_back(std::move(header));
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"add_header", rules::Http | rules::Server | rules::Location | rules::IfInLocation, 2, 3,
                  DirectiveSpec::Body::None, &add_header},
};

}  // namespace

void describe_response_headers(rules::Language& language) {
  language.add_directives(directives);
  language.add_response_stage(std::make_unique<AddHeaders>());
  language.add_response_stage(std::make_unique<OneVersionHeader>());
  language.add_response_stage(std::make_unique<ServerAndDate>());
}

}  // namespace caisson::gateway
