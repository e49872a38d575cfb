// One request to the registry's API, with what its handlers need, and how they answer it.
//
// Ownership: lives in the frame of Api::handle; refers to the exchange and to the Api's store. Threading: one loop.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "async/pool.h"
#include "http/exchange.h"
#include "registry/api/refusal.h"
#include "registry/api/settings.h"
#include "registry/store/store.h"

namespace caisson::registry {

class ReferrerIndex;
namespace notify {
class Notifier;
}

struct Request {
  http::Exchange& exchange;
  const ApiSettings& settings;
  store::Store& store;
  ReferrerIndex& referrers;
  async::BlockingPool& disk;  // every call into the store runs there
  store::Repository repository;
  std::string_view reference;            // of the route
  notify::Notifier* notifier = nullptr;  // null: nobody wants to know what happens
  std::string event_id = {};             // of the request in notifications; "" before the first

  const http::RequestHead& head() const noexcept { return exchange.request(); }
  bool is(std::string_view method) const noexcept { return head().method == method; }
};

// The fields that every answer of the API has, with more of them to follow.
http::ResponseHead api_head(unsigned status);

// A whole answer. A body is JSON.
async::Task<void> answer(http::Exchange& exchange, http::ResponseHead head, std::string body = {});
async::Task<void> answer(http::Exchange& exchange, Refusal refusal);

// A fault of the storage: logged with its reason, answered without it.
async::Task<void> answer_fault(http::Exchange& exchange, const Error& error);
// The same, but what the storage does not have is answered as `absent`.
async::Task<void> answer_failure(http::Exchange& exchange, const Error& error, Refusal absent);

// `path`, which begins with "/v2/", as a Location: behind the prefix, under the scheme and host that the client used,
// as old clients want an absolute one, unless the settings say otherwise.
std::string location(const Request& request, std::string_view path);
std::string blob_location(const Request& request, const store::Digest& digest);

// "\"sha256:...\"", and whether If-None-Match or its like names it.
std::string etag(const store::Digest& digest);
bool names_etag(std::string_view header, const store::Digest& digest);

}  // namespace caisson::registry
