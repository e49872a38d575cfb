#include "gateway/answers/response_headers.h"

#include <algorithm>
#include <array>
#include <ctime>
#include <memory>
#include <vector>

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
  bool replaces = false;  // Last-Modified and ETag: there is one, and an empty value takes it away
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
      if (header.replaces) head.headers.remove(header.name);
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

// A 204 has nothing to describe. Before add_header, which may say otherwise.
class NothingToDescribe final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState&, http::ResponseHead& head) const override {
    if (head.status != 204) return;
    for (const char* name : {"Content-Type", "Content-Length", "Last-Modified"}) head.headers.remove(name);
  }
};

// A head that has them already (proxy_pass_header) keeps its own. Before add_header, which adds a second one.
class ServerAndDate final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    if (!head.headers.has("Server")) head.headers.add("Server", server_name_for(state.settings<CoreSettings>()));
    if (!head.headers.has("Date")) head.headers.add("Date", http_date(std::time(nullptr)));
  }
};

// What nginx writes itself stands in its order before all other fields (ngx_http_header_filter).
class FirstFields final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState&, http::ResponseHead& head) const override {
    http::Headers ordered;
    std::vector<const http::HeaderField*> moved;
    for (const char* name : {"Server", "Date", "Content-Type", "Content-Length", "Last-Modified", "Location", "Vary"}) {
      for (const http::HeaderField& field : head.headers) {
        if (!text::iequals(field.name, name)) continue;
        ordered.add(field.name, field.value);
        moved.push_back(&field);
        break;
      }
    }
    for (const http::HeaderField& field : head.headers) {
      if (std::find(moved.begin(), moved.end(), &field) == moved.end()) ordered.add(field.name, field.value);
    }
    head.headers = std::move(ordered);
  }
};

Result<void> add_header(Loader& loader, const Directive& d) {
  AddedHeader header;
  header.name = d.args[0];
  header.replaces = text::iequals(header.name, "Last-Modified") || text::iequals(header.name, "ETag");
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
}

void describe_server_and_date(rules::Language& language) {
  language.add_response_stage(std::make_unique<NothingToDescribe>());
  language.add_response_stage(std::make_unique<ServerAndDate>());
}

void describe_header_order(rules::Language& language) { language.add_response_stage(std::make_unique<FirstFields>()); }

}  // namespace caisson::gateway
