#include "gateway/files/static_files.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <vector>

#include "base/text.h"
#include "gateway/answers/gzip_acceptance.h"
#include "gateway/answers/http_date.h"
#include "gateway/answers/redirect.h"
#include "gateway/core_settings.h"
#include "gateway/files/autoindex.h"
#include "gateway/files/conditional.h"
#include "gateway/files/disk.h"
#include "gateway/files/document_root.h"
#include "gateway/files/file_parts.h"
#include "http/target.h"
#include "rules/loader.h"
#include "rules/request_log.h"
#include "rules/setters.h"

namespace caisson::gateway {

using config::Directive;
using rules::DirectiveSpec;
using rules::Loader;
using rules::RequestState;
using Outcome = std::optional<http::Answer>;

namespace {

enum class GzipStatic { Off, On, Always };

struct StaticSettings {
  std::optional<std::vector<rules::Template>> index;
  std::optional<bool> autoindex;
  std::optional<ListingFormat> autoindex_format;
  std::optional<bool> autoindex_exact_size;
  std::optional<bool> autoindex_localtime;
  std::optional<bool> etag;
  std::optional<ModifiedSince> if_modified_since;
  std::optional<std::uint64_t> max_ranges;
  std::optional<bool> log_not_found;
  std::optional<GzipStatic> gzip_static;

  void inherit(const StaticSettings& outer) {
    rules::inherit(index, outer.index);
    rules::inherit(autoindex, outer.autoindex);
    rules::inherit(autoindex_format, outer.autoindex_format);
    rules::inherit(autoindex_exact_size, outer.autoindex_exact_size);
    rules::inherit(autoindex_localtime, outer.autoindex_localtime);
    rules::inherit(etag, outer.etag);
    rules::inherit(if_modified_since, outer.if_modified_since);
    rules::inherit(max_ranges, outer.max_ranges);
    rules::inherit(log_not_found, outer.log_not_found);
    rules::inherit(gzip_static, outer.gzip_static);
  }
};

http::Answer of_status(unsigned status) { return {status, {}, std::nullopt}; }

// What the file system's refusal means for the client; tells the log.
http::Answer refused(RequestState& state, const char* call, const std::string& path, int error) {
  const bool missing = error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG;
  const bool forbidden = error == EACCES || error == ELOOP;
  if (!missing || state.settings<StaticSettings>().log_not_found.value_or(true)) {
    rules::log(
        state, missing || forbidden ? observe::Level::Error : observe::Level::Crit,
        std::string(call) + " \"" + path + "\" failed (" + std::to_string(error) + ": " + std::strerror(error) + ')');
  }
  return of_status(missing ? 404 : forbidden ? 403 : 500);
}

// ---- index ----

// ngx_http_index_error
http::Answer index_refused(RequestState& state, const std::string& path, int error) {
  const bool forbidden = error == EACCES || error == ELOOP;
  if (forbidden || state.settings<StaticSettings>().log_not_found.value_or(true)) {
    rules::log(state, observe::Level::Error,
               '"' + path + (forbidden ? "\" is forbidden (" : "\" is not found (") + std::to_string(error) + ": " +
                   std::strerror(error) + ')');
  }
  return of_status(forbidden ? 403 : error == ENOENT || error == ENOTDIR || error == ENAMETOOLONG ? 404 : 500);
}

// The request goes on at the first index file that there is; nothing and no redirect when there is none.
async::Task<Outcome> go_to_index(RequestState& state) {
  static const std::vector<rules::Template> usual = {rules::Template::constant_text("index.html")};
  const auto& settings = state.settings<StaticSettings>();
  bool folder_seen = false;
  for (const rules::Template& index : settings.index ? *settings.index : usual) {
    const std::string name = index.expand(state);
    if (index.constant() && name.starts_with('/')) {
      state.redirect_to = name;
      state.redirect_args = state.args;
      co_return std::nullopt;
    }
    if (name.empty()) continue;
    const std::string uri = state.path + name;
    std::optional<FileName> file = file_named(state, uri);
    if (!file) co_return of_status(500);
    async::BlockingPool& pool = *state.settings<DiskSettings>().pool;
    const std::string path = file->path;
    const OpenedFile seen = co_await look_at_file(pool, std::move(*file));
    if (seen.error == 0) {
      // The path is decoded already; what follows a "?" in it is no argument.
      state.redirect_to = uri;
      state.redirect_args = state.args;
      co_return std::nullopt;
    }
    if (seen.error != ENOENT) co_return index_refused(state, path, seen.error);
    if (folder_seen) continue;
    folder_seen = true;
    std::optional<FileName> folder = file_named(state, state.path);
    if (!folder) co_return of_status(500);
    const std::string folder_path = folder->path;
    const OpenedFile parent = co_await look_at_file(pool, std::move(*folder));
    if (parent.error != 0) co_return index_refused(state, folder_path, parent.error);
  }
  co_return std::nullopt;
}

// ---- autoindex ----

bool is_callback(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || text::is_digit(c) || c == '_' || c == '.';
  });
}

std::string_view callback_argument(std::string_view args) {
  for (const std::string_view pair : text::split(args, '&')) {
    if (pair.starts_with("callback=")) return pair.substr(9);
  }
  return {};
}

async::Task<Outcome> send_listing(RequestState& state) {
  const auto& settings = state.settings<StaticSettings>();
  ListingOptions options;
  options.format = settings.autoindex_format.value_or(ListingFormat::Html);
  options.exact_size = settings.autoindex_exact_size.value_or(true);
  options.local_time = settings.autoindex_localtime.value_or(false);
  const std::string callback(callback_argument(state.args));
  if (options.format == ListingFormat::Jsonp) {
    if (!is_callback(callback)) co_return of_status(400);
    if (callback.empty()) options.format = ListingFormat::Json;
  }
  std::optional<FileName> folder = file_named(state, state.path);
  if (!folder) co_return of_status(500);
  if (leaves_folder(*folder)) co_return of_status(404);
  auto work = [path = folder->path] {
    auto entries = read_folder(path);
    return std::make_pair(std::move(entries), errno);
  };
  auto read = co_await state.settings<DiskSettings>().pool->run(std::move(work));
  if (!read.first.ok()) co_return refused(state, "opendir()", folder->path, read.second);

  http::ResponseHead head;
  head.headers.add("Content-Type", std::string(listing_type(options.format)));
  const std::string page = listing(read.first.value(), state.path, options, callback);
  http::BodyWriter* body = co_await state.exchange.respond_head(std::move(head));
  if (state.exchange.request().method != "HEAD") co_await body->write(text::bytes_of(page));
  co_await body->finish();
  co_return std::nullopt;
}

// ---- files ----

// "65937d25-6": modification time and size, as nginx makes it.
std::string entity_tag(const FileFacts& facts) {
  char text[48];
  std::snprintf(text, sizeof text, "\"%llx-%llx\"", static_cast<unsigned long long>(facts.modified),
                static_cast<unsigned long long>(facts.size));
  return text;
}

// `encoding`: "gzip" when the file holds what `gzip` would make of the document, else empty.
async::Task<Outcome> send_file(RequestState& state, const OpenedFile& file, std::string_view encoding = {}) {
  const auto& settings = state.settings<StaticSettings>();
  const http::Headers& request = state.exchange.request().headers;
  const FileFacts& facts = file.facts;
  Validators validators;
  validators.modified = facts.modified;
  if (settings.etag.value_or(true)) validators.etag = entity_tag(facts);

  http::ResponseHead head;
  // In the place of an error, and for a subrequest, there are no conditions and no ranges.
  const bool plain = state.parent == nullptr && (state.override_status == 0 || state.override_status == 200);
  if (plain) {
    switch (check_conditions(request, validators, settings.if_modified_since.value_or(ModifiedSince::Exact))) {
      case Condition::Failed:
        co_return of_status(412);
      case Condition::NotModified:
        head.status = 304;
        break;
      case Condition::Send:
        break;
    }
    head.headers.add("Last-Modified", http_date(facts.modified));
  }
  if (!validators.etag.empty()) head.headers.add("ETag", validators.etag);
  const bool bodiless = head.status == 304;
  if (!bodiless) {
    head.headers.add("Content-Type", media_type(state.settings<CoreSettings>(), state.path));
    head.headers.add("Content-Length", std::to_string(facts.size));
  }
  if (!encoding.empty()) head.headers.add("Content-Encoding", std::string(encoding));
  const std::uint64_t most = settings.max_ranges.value_or(UINT64_MAX);
  const bool ranges = plain && !bodiless && most != 0 && encoding.empty();
  if (ranges) head.headers.add("Accept-Ranges", "bytes");
  state.exchange.settle_head(head);
  FileParts parts = whole_file(facts.size);
  // A stage that changes the bytes has taken their number away.
  if (ranges && head.headers.has("Content-Length")) {
    if (Outcome unsatisfiable = take_ranges(state, head, parts, {facts.size, most})) co_return unsatisfiable;
  }
  http::BodyWriter* body = co_await state.exchange.respond_head(std::move(head), http::Exchange::Head::Settled);
  if (bodiless || state.exchange.request().method == "HEAD") {
    co_await body->finish();
  } else {
    co_await send_parts(state, *body, file, parts);
  }
  co_return std::nullopt;
}

// gzip_static: "FILE.gz" in the place of FILE, for clients that may have it. Nothing and no answer: the file itself.
struct Precompressed {
  OpenedFile file;
  bool found = false;
};

// ngx_http_gzip_static_handler
async::Task<Precompressed> find_precompressed(RequestState& state) {
  const GzipStatic mode = state.settings<StaticSettings>().gzip_static.value_or(GzipStatic::Off);
  Precompressed none;
  if (mode == GzipStatic::Off || state.exchange.request().method == "POST") co_return none;
  const http::ResponseHead nothing_yet;
  const bool accepted = mode == GzipStatic::Always || may_gzip(state, nothing_yet);
  if (!accepted && !says_vary(state)) co_return none;
  std::optional<FileName> name = file_named(state, state.path);
  if (!name) co_return none;
  name->path += ".gz";
  const std::string path = name->path;
  Precompressed found;
  found.file = co_await open_file(*state.settings<DiskSettings>().pool, std::move(*name));
  if (found.file.error != 0) {
    const int error = found.file.error;
    if (error != ENOENT && error != ENOTDIR && error != ENAMETOOLONG) refused(state, "open()", path, error);
    co_return none;
  }
  if (mode == GzipStatic::On) {
    depends_on_encoding(state);
    if (!accepted) co_return none;
  }
  found.found = found.file.facts.kind == FileFacts::Kind::File;
  co_return found;
}

// ngx_http_static_handler, for a path that does not end in a slash.
async::Task<Outcome> serve_file(RequestState& state) {
  const Precompressed precompressed = co_await find_precompressed(state);
  if (precompressed.found) co_return co_await send_file(state, precompressed.file, "gzip");
  std::optional<FileName> name = file_named(state, state.path);
  if (!name) co_return of_status(500);
  const std::string path = name->path;
  const OpenedFile file = co_await open_file(*state.settings<DiskSettings>().pool, std::move(*name));
  if (file.error != 0) co_return refused(state, "open()", path, file.error);
  if (file.facts.kind == FileFacts::Kind::Folder) {
    http::Answer redirect = of_status(301);
    std::string target = http::escaped_path(state.path) + '/';
    if (!state.args.empty()) target += '?' + state.args;
    redirect.headers.set("Location", absolute_location(state, std::move(target)));
    co_return redirect;
  }
  if (file.facts.kind == FileFacts::Kind::Other) {
    rules::log(state, observe::Level::Crit, '"' + path + "\" is not a regular file");
    co_return of_status(404);
  }
  if (state.exchange.request().method == "POST") co_return of_status(405);
  co_return co_await send_file(state, file);
}

}  // namespace

// The order of nginx's content phase: index, autoindex, static; and 403 for a folder that has neither.
async::Task<Outcome> StaticFiles::handle(http::Exchange& exchange) {
  RequestState& state = RequestState::of(exchange);
  const std::string& method = exchange.request().method;
  const bool reads = method == "GET" || method == "HEAD";
  if (!reads && method != "POST") co_return of_status(405);
  if (!state.path.ends_with('/')) co_return co_await serve_file(state);
  if (Outcome answer = co_await go_to_index(state); answer || state.redirect_to) co_return answer;
  if (reads && state.settings<StaticSettings>().autoindex.value_or(false)) co_return co_await send_listing(state);
  const std::optional<FileName> folder = file_named(state, state.path);
  rules::log(state, observe::Level::Error,
             "directory index of \"" + (folder ? folder->path : state.path) + "\" is forbidden");
  co_return of_status(403);
}

namespace {

Result<void> add_index(Loader& loader, const Directive& d) {
  auto& index = loader.level().own<StaticSettings>().index;
  if (!index) index.emplace();
  for (std::size_t i = 0; i < d.args.size(); ++i) {
    if (d.args[i].empty()) return config::error_at(d.at, "index \"\" in \"index\" directive is invalid");
    if (d.args[i].starts_with('/') && i + 1 < d.args.size()) {
      loader.warn(d.at, "only the last index in \"index\" directive should be absolute");
    }
    Result<rules::Template> name = loader.compile(d.args[i], d);
    if (!name.ok()) return std::move(name).error();
    index->push_back(std::move(name).value());
  }
  return {};
}

template <auto Member, class Enum, std::size_t Count>
Result<void> choose(Loader& loader, const Directive& d,
                    const std::array<std::pair<std::string_view, Enum>, Count>& all) {
  auto& target = loader.level().own<StaticSettings>().*Member;
  if (target) return config::config_error(d, "is duplicate");
  for (const auto& [name, value] : all) {
    if (!text::iequals(d.args[0], name)) continue;
    target = value;
    return {};
  }
  return config::error_at(d.at, "invalid value \"" + d.args[0] + '"');
}

Result<void> set_format(Loader& loader, const Directive& d) {
  static constexpr std::array<std::pair<std::string_view, ListingFormat>, 4> all = {{{"html", ListingFormat::Html},
                                                                                     {"json", ListingFormat::Json},
                                                                                     {"jsonp", ListingFormat::Jsonp},
                                                                                     {"xml", ListingFormat::Xml}}};
  return choose<&StaticSettings::autoindex_format>(loader, d, all);
}

Result<void> set_modified_since(Loader& loader, const Directive& d) {
  static constexpr std::array<std::pair<std::string_view, ModifiedSince>, 3> all = {
      {{"off", ModifiedSince::Off}, {"exact", ModifiedSince::Exact}, {"before", ModifiedSince::Before}}};
  return choose<&StaticSettings::if_modified_since>(loader, d, all);
}

Result<void> set_gzip_static(Loader& loader, const Directive& d) {
  static constexpr std::array<std::pair<std::string_view, GzipStatic>, 3> all = {
      {{"off", GzipStatic::Off}, {"on", GzipStatic::On}, {"always", GzipStatic::Always}}};
  return choose<&StaticSettings::gzip_static>(loader, d, all);
}

constexpr unsigned everywhere = rules::Http | rules::Server | rules::Location;
constexpr auto none = DirectiveSpec::Body::None;

constexpr std::array directives = {
    DirectiveSpec{"index", everywhere, 1, rules::any_number, none, &add_index},
    DirectiveSpec{"autoindex", everywhere, 1, 1, none, &rules::set_flag<&StaticSettings::autoindex>},
    DirectiveSpec{"autoindex_format", everywhere, 1, 1, none, &set_format},
    DirectiveSpec{"autoindex_exact_size", everywhere, 1, 1, none,
                  &rules::set_flag<&StaticSettings::autoindex_exact_size>},
    DirectiveSpec{"autoindex_localtime", everywhere, 1, 1, none,
                  &rules::set_flag<&StaticSettings::autoindex_localtime>},
    DirectiveSpec{"etag", everywhere, 1, 1, none, &rules::set_flag<&StaticSettings::etag>},
    DirectiveSpec{"if_modified_since", everywhere, 1, 1, none, &set_modified_since},
    DirectiveSpec{"max_ranges", everywhere, 1, 1, none, &rules::set_number<&StaticSettings::max_ranges>},
    DirectiveSpec{"gzip_static", everywhere, 1, 1, none, &set_gzip_static},
    DirectiveSpec{"log_not_found", everywhere, 1, 1, none, &rules::set_flag<&StaticSettings::log_not_found>},
};

}  // namespace

void describe_static_files(rules::Language& language) { language.add_directives(directives); }

}  // namespace caisson::gateway
