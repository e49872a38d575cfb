// Names to addresses, asked of name servers that a configuration names (`resolver`), as nginx asks them: A and AAAA
// beside each other over UDP, over TCP what does not fit, the next server after five seconds of silence. Answers are
// kept for as long as their records say, or as `valid=` does; refusals are not kept.
//
// Ownership: holds what it looks up on its own; destroy it after its loop has run out.
// Threading: one loop; the cache is that loop's own.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "async/loop.h"
#include "base/result.h"
#include "net/address.h"
#include "net/dns_message.h"
#include "net/socket.h"

namespace caisson::net {

struct NameServerSettings {
  std::vector<Address> servers;  // at least one
  std::optional<std::chrono::seconds> valid;
  bool ipv4 = true;
  bool ipv6 = true;
};

class NameServers {
 public:
  // `settings` outlives it.
  NameServers(async::Loop& loop, const NameServerSettings& settings) : loop_(loop), settings_(settings) {}

  // The addresses of `host` with `port` set, in an order that begins anew each time; never empty when ok. The error is
  // nginx's: "3: Host not found", "110: Operation timed out". Throws async::Cancelled.
  async::Task<Result<std::vector<Address>>> resolve(std::string host, std::uint16_t port, Milliseconds limit);

 private:
  using Clock = std::chrono::steady_clock;
  struct Entry;
  // What the answers of one server say together.
  struct Found {
    std::optional<dns::Code> code;  // nothing: no answer that could be used
    std::vector<Address> addresses;
    std::string alias;
    std::optional<std::uint32_t> ttl;
  };
  // One question on its way.
  struct Question {
    std::uint16_t id;
    dns::Type type;
    std::string bytes;
    std::optional<dns::Answer> answer;
  };

  async::Task<void> look_up(std::string host, std::shared_ptr<Entry> entry);
  async::Task<Found> follow(std::string host, const Entry& entry);
  async::Task<Found> ask(std::string host, const Entry& entry);
  static Found sum_of(const std::vector<Question>& questions);
  async::Task<void> ask_server(const Address& server, const std::string& host, std::vector<Question>& questions);
  async::Task<void> ask_over_tcp(const Address& server, const std::string& host, Question& question);
  std::optional<std::vector<Question>> questions_for(const std::string& host) const;
  void forget_old();

  async::Loop& loop_;
  const NameServerSettings& settings_;
  std::unordered_map<std::string, std::shared_ptr<Entry>> entries_;
  std::size_t next_server_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace caisson::net
