// What is known of a request's way to a backend, for variables and logs. Kept in the request's state:
// state.data<Facts>().
//
// Threading: one loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "http/headers.h"
#include "rules/request_state.h"

namespace caisson::upstream {

// One server that was tried. Durations count from the beginning of the attempt.
struct Attempt {
  using Milliseconds = std::chrono::milliseconds;

  std::string address;  // "127.0.0.1:5000"; the upstream's name when there was no server to try
  unsigned status = 0;  // of its response; ours when it gave none
  std::optional<Milliseconds> connected;
  std::optional<Milliseconds> head;
  std::optional<Milliseconds> ended;
  std::uint64_t sent = 0;      // bytes on the wire
  std::uint64_t received = 0;  // bytes on the wire
  std::uint64_t body = 0;      // bytes of the response body
};

struct Facts {
  std::string scheme;      // "http" or "https"
  std::string proxy_host;  // $proxy_host: as in proxy_pass, with a port that is not the scheme's
  std::string proxy_port;
  std::string target;       // what is asked of the backend
  bool pass_found = false;  // a proxy_pass handled the request; else its variables have no value
  http::Headers response;   // as the backend sent them
  std::vector<Attempt> attempts;
  std::size_t earlier_attempts = 0;  // that another proxy_pass made, before error_page led here

  // Whether the proxy_pass that handles the request now has tried a server.
  bool tried() const noexcept { return attempts.size() > earlier_attempts; }
  // "http://127.0.0.1:5000/v2/", for the error log.
  std::string url() const { return scheme + "://" + (tried() ? attempts.back().address : proxy_host) + target; }
};

}  // namespace caisson::upstream
