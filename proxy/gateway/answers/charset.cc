#include "gateway/answers/charset.h"

#include <array>
#include <memory>
#include <string>

#include "base/text.h"
#include "gateway/answers/media_types.h"
#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

struct CharsetSettings {
  std::optional<rules::Template> charset;
  std::optional<MediaTypes> types;
  void inherit(const CharsetSettings& outer) {
    rules::inherit(charset, outer.charset);
    rules::inherit(types, outer.types);
  }
};

// ngx_http_charset_header_filter
class NameCharset final : public rules::ResponseStage {
 public:
  void edit(rules::RequestState& state, http::ResponseHead& head) const override {
    const CharsetSettings& settings = state.settings<CharsetSettings>();
    if (!settings.charset) return;
    const std::string* type = head.headers.find("Content-Type");
    if (type == nullptr || head.headers.has("Content-Encoding")) return;
    // Old browsers took the charset of a redirect for that of the next page (ngx_http_set_charset).
    if (head.status == 301 || head.status == 302) return;
    if (text::lowered(*type).find("charset=") != std::string::npos) return;
    static const MediaTypes usual{
        "text/html", "text/xml", "text/plain", "text/vnd.wap.wml", "application/javascript", "application/rss+xml"};
    if (!(settings.types ? *settings.types : usual).has(*type)) return;
    const std::string name = settings.charset->expand(state);
    if (name.empty() || name == "off") return;
    head.headers.set("Content-Type", *type + "; charset=" + name);
  }
};

Result<void> set_types(Loader& loader, const Directive& d) {
  return take_media_types(loader, d, loader.level().own<CharsetSettings>().types);
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
