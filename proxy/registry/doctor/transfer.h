// One HTTP request after the other by libcurl, without any of its own ideas about passwords and redirects.
//
// Ownership: owns its connections. Threading: one thread at a time. Every call blocks, for as long as bytes come.
#pragma once

#include <curl/curl.h>

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/handle.h"
#include "base/result.h"

namespace caisson::registry::doctor {

// Scheme, host and port of an http or https URL, which is what a credential is for. BadConfig for any other text.
Result<std::string> origin_of(const std::string& url);
// Where a Location leads to that stood in an answer from `base`.
Result<std::string> resolve(const std::string& base, const std::string& location);

class Transfer {
 public:
  using Sink = std::function<Result<void>(std::span<const std::byte>)>;

  struct Answer {
    long status = 0;
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;                                          // of at most the limit; nothing when a sink took it

    std::string_view find(std::string_view name) const noexcept;
  };
  struct Request {
    std::string url;
    std::vector<std::string> headers = {};
    bool head = false;
    std::size_t limit = 1U << 20;  // of a body that no sink takes: TooLarge beyond it
    const Sink* sink = nullptr;    // takes the body of a 200 or 206
    std::uint64_t from = 0;        // the sink has the bytes before this one already
  };

  // `authorities`: PEM; "": those that the machine trusts.
  explicit Transfer(std::string authorities);

  // Any answer is success. Errors: Busy, when asking again may help (the network's); Denied, when the other side does
  // not prove who it is; the sink's own.
  Result<Answer> perform(const Request& request);

 private:
  const std::string authorities_;
  std::unique_ptr<CURL, FreeWith<&curl_easy_cleanup>> curl_;
};

}  // namespace caisson::registry::doctor
