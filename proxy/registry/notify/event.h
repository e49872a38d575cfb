// What happened in a registry, as registry:2 tells those who want to know:
// application/vnd.docker.distribution.events.v1 +json, https://distribution.github.io/distribution/about/notifications/
//
// Ownership: plain values. Threading: none of its own.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace caisson::registry::notify {

enum class Action : unsigned char { Push, Pull, Mount, Delete };
std::string_view name_of(Action action) noexcept;

// Texts that are empty are left out where registry:2 leaves them out.
struct Event {
  Action action = Action::Pull;

  std::string media_type;
  std::uint64_t size = 0;
  std::string digest;
  std::string repository;
  std::string from_repository;  // of a mount
  std::string url;              // where it can be pulled
  std::string tag;
  std::string references;  // a JSON array: what the manifest is made of

  std::string request_id;  // the same for all events of one request
  std::string address;     // the client's, with its port where it is known
  std::string host;
  std::string method;
  std::string user_agent;
  std::string user;
};

// Who tells it.
struct Source {
  std::string address;   // "host:port"
  std::string instance;  // a UUID of this process
};

// The event with an id of its own and the time, in one line of JSON. What is not UTF-8 is replaced.
std::string to_json(const Event& event, const Source& source);

// The descriptors that a manifest or an index lists, as a JSON array; "" when there are none.
std::string references_of(std::string_view manifest);

// A random one, version 4.
std::string new_uuid();

}  // namespace caisson::registry::notify
