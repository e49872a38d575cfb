#include "gateway/answers/error_page.h"

#include <array>
#include <map>

#include "base/text.h"
#include "rules/loader.h"
#include "rules/phases.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;

namespace {

struct ErrorPages {
  std::optional<std::map<unsigned, ErrorPage>> by_status;
  std::optional<bool> recursive;
  void inherit(const ErrorPages& outer) {
    rules::inherit(by_status, outer.by_status);
    rules::inherit(recursive, outer.recursive);
  }
};

Result<void> add_error_page(Loader& loader, const Directive& d) {
  std::size_t codes = d.args.size() - 1;
  ErrorPage page;
  if (const std::string& before = d.args[codes - 1]; before.starts_with('=')) {
    const auto status =
        before.size() == 1 ? std::optional<std::uint64_t>(0) : text::to_number(std::string_view(before).substr(1));
    if (!status) return config::error_at(d.at, "invalid value \"" + before + '"');
    page.status = static_cast<unsigned>(*status);
    --codes;
  }
  Result<rules::Template> target = loader.compile(d.args.back(), d);
  if (!target.ok()) return std::move(target).error();
  page.target = std::move(target).value();
  auto& pages = loader.level().own<ErrorPages>().by_status;
  if (!pages) pages.emplace();
  for (std::size_t i = 0; i < codes; ++i) {
    const auto status = text::to_number(d.args[i]);
    if (!status || *status == 499) return config::error_at(d.at, "invalid value \"" + d.args[i] + '"');
    if (*status < 300 || *status > 599) {
      return config::error_at(d.at, "value \"" + d.args[i] + "\" must be between 300 and 599");
    }
    pages->emplace(static_cast<unsigned>(*status), page);
    auto& paged = loader.level().own<rules::PagedStatuses>().statuses;
    if (!paged) paged.emplace();
    paged->insert(static_cast<unsigned>(*status));
  }
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"error_page", rules::Http | rules::Server | rules::Location | rules::IfInLocation, 2,
                  rules::any_number, DirectiveSpec::Body::None, &add_error_page},
    DirectiveSpec{"recursive_error_pages", rules::Http | rules::Server | rules::Location, 1, 1,
                  DirectiveSpec::Body::None, &rules::set_flag<&ErrorPages::recursive>},
};

}  // namespace

const ErrorPage* find_error_page(const rules::Level& level, unsigned status) {
  const auto& pages = level.get<ErrorPages>().by_status;
  if (!pages) return nullptr;
  const auto found = pages->find(status);
  return found == pages->end() ? nullptr : &found->second;
}

bool has_error_pages(const rules::Level& level) { return level.get<ErrorPages>().by_status.has_value(); }

bool recursive_error_pages(const rules::Level& level) { return level.get<ErrorPages>().recursive.value_or(false); }

void describe_error_page(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
