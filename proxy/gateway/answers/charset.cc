#include "gateway/answers/charset.h"

#include <array>
#include <memory>
#include <set>
#include <string>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

struct CharsetSettings {
  std::optional<rules::Template> charset;
  std::optional<std::set<std::string>> types;  // beside text/html
  void inherit(const CharsetSettings& outer) {
    rules::inherit(charset, outer.charset);
    rules::inherit(types, outer.types);
  }
};

bool has_type(const std::optional<std::set<std::string>>& types, const std::string& type) {
  static const std::set<std::string> usual = {"text/xml", "text/plain", "text/vnd.wap.wml", "application/javascript",
                                              "application/rss+xml"};
  const std::set<std::string>& set = types ? *types : usual;
  return type == "text/html" || set.count("*") != 0 || set.count(type) != 0;
}

// ngx_http_charset_header_filter
class NameCharset final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    const CharsetSettings& settings = state.settings<CharsetSettings>();
    if (!settings.charset) return;
    const std::string* type = head.headers.find("Content-Type");
    if (type == nullptr || head.headers.has("Content-Encoding")) return;
    const std::string lower = text::lowered(*type);
    if (lower.find("charset=") != std::string::npos) return;
    if (!has_type(settings.types, std::string(text::trimmed(lower.substr(0, lower.find(';')))))) return;
    const std::string name = settings.charset->expand(state);
    if (name.empty() || name == "off") return;
    head.headers.set("Content-Type", *type + "; charset=" + name);
  }
};

Result<void> set_types(Loader& loader, const Directive& d) {
  auto& types = loader.level().own<CharsetSettings>().types;
  if (!types) types.emplace();
  for (const std::string& type : d.args) types->insert(text::lowered(type));
  return {};
}

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"charset", everywhere | rules::IfInLocation, 1, 1, none,
                  &rules::set_template<&CharsetSettings::charset>},
    DirectiveSpec{"charset_types", everywhere, 1, rules::any_number, none, &set_types},
};

constexpr std::array refused = {
    rules::RefusedDirective{"charset_map", "answers are not recoded; store them in the encoding that clients are told"},
    rules::RefusedDirective{"source_charset", "answers are not recoded; name their encoding with \"charset\" alone"},
    rules::RefusedDirective{"override_charset", "answers are not recoded; take the directive out"},
};

}  // namespace

void describe_charset(rules::Language& language) {
  language.add_directives(directives);
  language.add_refused(refused);
  language.add_response_stage(std::make_unique<NameCharset>());
}

}  // namespace caisson::gateway
