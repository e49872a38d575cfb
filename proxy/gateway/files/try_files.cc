#include "gateway/files/try_files.h"

#include <array>
#include <vector>

#include "base/text.h"
#include "gateway/files/disk.h"
#include "gateway/files/document_root.h"
#include "rules/loader.h"
#include "rules/phases.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;
using Outcome = std::optional<http::Answer>;

namespace {

// Stays where it was written, as in nginx: an `if` inside the location has none.
struct TryFiles {
  struct Candidate {
    rules::Template name;
    bool folder = false;  // written with a "/" at its end
  };
  std::vector<Candidate> candidates;
  rules::Template last;            // where to go when none is there
  std::optional<unsigned> status;  // "=404": what to answer then
};

}  // namespace

bool has_try_files(const rules::Level& level) { return !level.get<TryFiles>().candidates.empty(); }

async::Task<Outcome> try_files(RequestState& state) {
  const TryFiles& settings = state.settings<TryFiles>();
  for (const TryFiles::Candidate& candidate : settings.candidates) {
    std::string uri = candidate.name.expand(state);
    std::optional<FileName> name = file_named(state, uri);
    if (!name) co_return http::Answer{500, {}, std::nullopt};
    const OpenedFile seen = co_await look_at_file(*state.settings<DiskSettings>().pool, std::move(*name));
    if (seen.error != 0 || (seen.facts.kind == FileFacts::Kind::Folder) != candidate.folder) continue;
    state.path = std::move(uri);
    co_return std::nullopt;
  }
  if (settings.status) co_return http::Answer{*settings.status, {}, std::nullopt};
  state.redirect_to = settings.last.expand(state);
  co_return std::nullopt;
}

namespace {

Result<void> set_try_files(Loader& loader, const Directive& d) {
  TryFiles& files = loader.level().own<TryFiles>();
  if (!files.candidates.empty()) return config::config_error(d, "is duplicate");
  for (std::size_t i = 0; i + 1 < d.args.size(); ++i) {
    std::string_view name = d.args[i];
    TryFiles::Candidate candidate;
    candidate.folder = name.ends_with('/');
    if (candidate.folder) name.remove_suffix(1);
    Result<rules::Template> compiled = loader.compile(name, d);
    if (!compiled.ok()) return std::move(compiled).error();
    candidate.name = std::move(compiled).value();
    files.candidates.push_back(std::move(candidate));
  }
  const std::string& last = d.args.back();
  if (last.starts_with('=')) {
    const auto status = text::to_number(std::string_view(last).substr(1));
    if (!status || *status > 999) return config::error_at(d.at, "invalid code \"" + last + '"');
    files.status = static_cast<unsigned>(*status);
    return {};
  }
  Result<rules::Template> compiled = loader.compile(last, d);
  if (!compiled.ok()) return std::move(compiled).error();
  files.last = std::move(compiled).value();
  return {};
}

constexpr std::array directives = {
    DirectiveSpec{"try_files", rules::Server | rules::Location, 2, rules::any_number, DirectiveSpec::Body::None,
                  &set_try_files},
};

}  // namespace

void describe_try_files(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
