#include "registry/api/listings.h"

#include <algorithm>

#include "base/text.h"
#include "registry/routes/query.h"

namespace caisson::registry {
namespace {

constexpr std::size_t kMostTags = 1000;
constexpr std::size_t kCatalogDefault = 100;

// Names of repositories or tags: their grammar has nothing that JSON would escape.
std::string json_list(const std::vector<std::string>& names) {
  std::string list = "[";
  for (const std::string& name : names) {
    if (list.size() > 1) list += ',';
    list += '"';
    list += name;
    list += '"';
  }
  return list + ']';
}

// Where the next page is, as clients follow it.
void add_link(http::Headers& headers, std::string_view path, const store::Page& page, std::size_t limit) {
  if (!page.more) return;
  headers.add("Link", '<' + std::string(path) + "?last=" + query_escaped(page.names.back()) +
                          "&n=" + std::to_string(limit) + ">; rel=\"next\"");
}

Refusal invalid_number(std::string_view n) {
  const bool number = text::to_number(n.starts_with('-') ? n.substr(1) : n).has_value();
  return refusal(Code::PaginationNumberInvalid, R"({"n":)" + (number ? std::string(n) : json_string(n)) + '}');
}

}  // namespace

async::Task<void> list_tags(Request& request) {
  const std::string& args = request.head().target.args;
  std::size_t limit = SIZE_MAX;  // without n all of them
  if (const auto n = query_value(args, "n")) {
    const auto number = text::to_number(*n);
    if (!number) co_return co_await answer(request.exchange, invalid_number(*n));
    limit = std::min<std::uint64_t>(*number, kMostTags);
  }
  const std::string after = query_value(args, "last").value_or("");
  const std::string& name = request.repository.name().str();
  const auto page = co_await request.disk.run([&] { return request.repository.tags(after, limit); });
  if (!page.ok()) {
    Refusal unknown = refusal(Code::NameUnknown, R"({"name":)" + json_string(name) + '}');
    co_return co_await answer_failure(request.exchange, page.error(), std::move(unknown));
  }
  http::ResponseHead head = api_head(200);
  add_link(head.headers, request.settings.prefix + "/v2/" + name + "/tags/list", page.value(), limit);
  std::string body = R"({"name":)" + json_string(name) + R"(,"tags":)" + json_list(page.value().names) + "}\n";
  co_await answer(request.exchange, std::move(head), std::move(body));
}

async::Task<void> list_catalog(http::Exchange& exchange, const store::Store& store, async::BlockingPool& disk,
                               const ApiSettings& settings) {
  const std::string& args = exchange.request().target.args;
  const std::size_t most = settings.catalog_most;
  const std::size_t usual = std::min(kCatalogDefault, most);
  std::size_t limit = usual;
  if (const auto n = query_value(args, "n")) {
    // What is no number means the default here, unlike for tags: registry:2 does so.
    const auto number = text::to_number(*n);
    if (number && *number > most) co_return co_await answer(exchange, invalid_number(*n));
    limit = number.value_or(usual);
  }
  const std::string after = query_value(args, "last").value_or("");
  const auto page = co_await disk.run([&] { return store.catalog(after, limit); });
  if (!page.ok()) co_return co_await answer_fault(exchange, page.error());
  http::ResponseHead head = api_head(200);
  add_link(head.headers, settings.prefix + "/v2/_catalog", page.value(), limit);
  std::string body = R"({"repositories":)" + json_list(page.value().names) + "}\n";
  co_await answer(exchange, std::move(head), std::move(body));
}

}  // namespace caisson::registry
