#include "gateway/answers/page_padding.h"

#include <array>
#include <optional>

#include "rules/loader.h"
#include "rules/setters.h"

namespace caisson::gateway {

namespace {

struct PaddingSettings {
  std::optional<bool> padding;
  void inherit(const PaddingSettings& outer) { rules::inherit(padding, outer.padding); }
};

// By the words in which nginx looks for them (ngx_http_process_user_agent).
bool prefers_own_page(std::string_view agent) {
  const auto says = [agent](std::string_view word) { return agent.find(word) != std::string_view::npos; };
  if (says("Opera")) return false;
  if (const std::size_t at = agent.find("MSIE "); at != std::string_view::npos && at + 7 < agent.size()) return true;
  return !says("Gecko/") && says("Chrome/");
}

constexpr std::array directives = {
    rules::DirectiveSpec{"msie_padding", rules::Http | rules::Server | rules::Location, 1, 1,
                         rules::DirectiveSpec::Body::None, &rules::set_flag<&PaddingSettings::padding>},
};

}  // namespace

std::string page_padding(const rules::RequestState& state, unsigned status) {
  if (status < 400 || !state.settings<PaddingSettings>().padding.value_or(true)) return {};
  const http::RequestHead& request = state.exchange.request();
  const std::string* agent = request.headers.find("User-Agent");
  if (request.version < http::Version::Http10 || agent == nullptr || !prefers_own_page(*agent)) return {};
  std::string padding;
  for (int line = 0; line < 6; ++line) {
    padding += "<!-- a padding to disable MSIE and Chrome friendly error page -->\r\n";
  }
  return padding;
}

void describe_page_padding(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
