#include "gateway/answers/media_types.h"

#include "base/text.h"

namespace caisson::gateway {

bool MediaTypes::add(std::string_view type) { return types_.insert(text::lowered(type)).second; }

bool MediaTypes::has(std::string_view content_type) const {
  if (types_.count("*") != 0) return true;
  return types_.count(text::lowered(text::trimmed(content_type.substr(0, content_type.find(';'))))) != 0;
}

Result<void> take_media_types(rules::Loader& loader, const config::Directive& directive,
                              std::optional<MediaTypes>& into) {
  if (!into) into = MediaTypes{"text/html"};
  for (const std::string& type : directive.args) {
    if (!into->add(type)) loader.warn(directive.at, "duplicate MIME type \"" + type + '"');
  }
  return {};
}

}  // namespace caisson::gateway
