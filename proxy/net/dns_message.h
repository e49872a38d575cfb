// Queries and answers of the domain name system as bytes (RFC 1035 section 4, RFC 3596): what a stub resolver needs.
// What name servers send is as little trusted as what clients send: nothing that is malformed gets through.
//
// Ownership: values. Threading: none of its own.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/address.h"

namespace caisson::net::dns {

enum class Type : std::uint16_t { A = 1, Cname = 5, Aaaa = 28 };

// How the server fared: the low bits of an answer (RFC 1035 section 4.1.1).
enum class Code : std::uint8_t {
  Good = 0,
  FormatError = 1,
  ServerFailure = 2,
  NoSuchName = 3,
  Unimplemented = 4,
  Refused = 5
};

// nginx's words: "3: Host not found".
std::string describe(Code code);

// A query for the records of one type. Nothing when no name is like that: an empty label or one of more than 63 bytes.
std::optional<std::string> query(std::uint16_t id, std::string_view name, Type type);

struct Answer {
  std::uint16_t id = 0;
  bool truncated = false;
  Code code = Code::Good;
  std::vector<Address> addresses;  // A and AAAA records, whatever name they are of
  std::string alias;               // what the last CNAME leads to; lower case
  std::uint32_t ttl = 0;           // seconds: the least of all records
};

// Nothing when it is no answer to one question of that name and type, or malformed.
std::optional<Answer> parse_answer(std::string_view bytes, std::string_view name, Type type);

}  // namespace caisson::net::dns
