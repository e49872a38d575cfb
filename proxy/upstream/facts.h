// What is known of a request's way to a backend, for variables and logs. Kept in the request's state:
// state.data<Facts>().
//
// Threading: one loop.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "async/loop.h"
#include "http/headers.h"
#include "rules/request_state.h"

namespace caisson::upstream {

// One server that was tried. Durations count from the beginning of the attempt.
struct Attempt {
  using Milliseconds = std::chrono::milliseconds;
  using Clock = std::chrono::steady_clock;

  std::string address;  // "127.0.0.1:5000"; the upstream's name when there was no server to try
  unsigned status = 0;  // of its response; ours when it gave none
  std::optional<Milliseconds> connected;
  std::optional<Milliseconds> head;
  std::optional<Milliseconds> ended;
  std::uint64_t sent = 0;      // bytes on the wire
  std::uint64_t received = 0;  // bytes on the wire
  std::uint64_t body = 0;      // bytes of the response body
  bool body_begun = false;     // the client's body was asked for: it cannot be had a second time
  bool first_of_pass = false;  // the one before was another proxy_pass's, before the request was sent on to this one
  Clock::time_point begun = async::Loop::current().now();

  Milliseconds age() const { return std::chrono::duration_cast<Milliseconds>(async::Loop::current().now() - begun); }
};

struct Facts {
  std::string scheme;      // "http" or "https"
  std::string proxy_host;  // $proxy_host: as in proxy_pass, with a port that is not the scheme's
  std::string proxy_port;
  std::string target;       // what is asked of the backend
  bool pass_found = false;  // a proxy_pass handled the request; else its variables have no value
  http::Headers response;   // as the backend sent them
  http::Headers carried;    // of a response that sent the request to another location
  std::vector<Attempt> attempts;
  std::size_t earlier_attempts = 0;  // that another proxy_pass made, before error_page led here

  Attempt& add_attempt(std::string address) {
    Attempt& made = attempts.emplace_back();
    made.address = std::move(address);
    made.first_of_pass = attempts.size() == earlier_attempts + 1;
    return made;
  }
  // Nothing is left of the client's body for another proxy_pass.
  bool body_begun() const noexcept {
    return std::any_of(attempts.begin(), attempts.end(), [](const Attempt& attempt) { return attempt.body_begun; });
  }
  // Whether the proxy_pass that handles the request now has tried a server.
  bool tried() const noexcept { return attempts.size() > earlier_attempts; }
  // "http://127.0.0.1:5000/v2/", for the error log.
  std::string url() const { return scheme + "://" + (tried() ? attempts.back().address : proxy_host) + target; }
};

}  // namespace caisson::upstream
