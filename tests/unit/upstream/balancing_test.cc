// Whose turn it is. What the hashes must give was taken down from nginx.
#include <doctest/doctest.h>

#include <thread>

#include "upstream/server_group.h"
#include "world.h"

using namespace upstream_test;
using upstream::Balancer;
using upstream::Server;
using upstream::ServerGroup;

namespace {

using Verdict = ServerGroup::Walk::Verdict;

// A request as far as balancers look at it.
struct Asker {
  explicit Asker(const std::string& target = "/", const std::string& from = "192.0.2.1")
      : table(std::span<const rules::VariableSpec>()) {
    http::RequestHead head;
    head.method = "GET";
    head.target = http::parse_target(target).value();
    info.client_address = from;
    exchange.emplace(std::move(head), body, client, info);
    state.emplace(*exchange, table);
  }
  rules::VariableTable table;
  http::ConnectionInfo info;
  http::EmptyBody body;
  Client client;
  std::optional<http::Exchange> exchange;
  std::optional<rules::RequestState> state;
};

std::shared_ptr<Server> server(std::uint16_t port, std::uint64_t weight = 1) {
  auto made = std::make_shared<Server>();
  made->name = "127.0.0.1:" + std::to_string(port);
  made->at = net::Endpoint::parse(made->name, net::Endpoint::Use::Connect, 80).value();
  made->weight = weight;
  return made;
}

ServerGroup group(ServerGroup::Servers servers, std::shared_ptr<const Balancer> balancer = nullptr) {
  return {"u", std::move(servers), std::move(balancer), {}, nullptr};
}

ServerGroup::Walk walk(ServerGroup& over, Asker& asker) {
  std::optional<ServerGroup::Walk> made;
  run([&]() -> Task<void> { made.emplace(co_await over.walk(*asker.state)); });
  return std::move(*made);
}

// The last digit of the port that answers, or '-'.
char pick(ServerGroup::Walk& from, std::optional<Verdict> verdict = Verdict::Answered) {
  const auto peer = from.next();
  if (!peer) return '-';
  if (verdict) from.leave(*verdict);
  return peer->text.back();
}

std::string picks(ServerGroup& over, std::size_t requests) {
  std::string order;
  for (std::size_t i = 0; i < requests; ++i) {
    Asker asker;
    ServerGroup::Walk one = walk(over, asker);
    order += pick(one);
  }
  return order;
}

// All that one request would try.
std::string way(ServerGroup& over, Asker& asker, Verdict verdict) {
  ServerGroup::Walk all = walk(over, asker);
  std::string order;
  while (all.tries_left() > 0) order += pick(all, verdict);
  return order;
}

}  // namespace

TEST_CASE("weights are served smoothly, not in bursts") {
  ServerGroup servers = group({server(1, 5), server(2), server(3)});
  CHECK(picks(servers, 14) == "11213111121311");
}

TEST_CASE("a request tries each server once") {
  ServerGroup servers = group({server(1), server(2), server(3)});
  Asker asker;
  CHECK(way(servers, asker, Verdict::Refused) == "123");
  ServerGroup::Walk none = walk(servers, asker);
  CHECK(none.tries_left() == 3);
  none.limit_tries(2);
  CHECK(none.tries_left() == 2);
}

TEST_CASE("a server that failed max_fails times is left alone") {
  ServerGroup servers = group({server(1), server(2), server(3)});
  Asker asker;
  ServerGroup::Walk one = walk(servers, asker);
  CHECK(pick(one, Verdict::Failed) == '1');
  CHECK(picks(servers, 4) == "2323");
}

TEST_CASE("the only server of an upstream is asked however often it failed") {
  ServerGroup servers = group({server(1)});
  Asker asker;
  for (int i = 0; i < 3; ++i) CHECK(way(servers, asker, Verdict::Failed) == "1");
}

TEST_CASE("backup servers are for when no other is left") {
  auto spare = server(9);
  spare->backup = true;
  ServerGroup servers = group({server(1), server(2), spare});
  Asker asker;
  ServerGroup::Walk unlucky = walk(servers, asker);
  CHECK(pick(unlucky, Verdict::Failed) == '1');
  CHECK(pick(unlucky, Verdict::Failed) == '2');
  CHECK(picks(servers, 2) == "99");
}

TEST_CASE("max_conns counts the requests of all loops") {
  auto narrow = server(1);
  narrow->max_connections = 1;
  ServerGroup servers = group({narrow});
  Asker asker;
  std::thread other([&] {
    Asker elsewhere;
    ServerGroup::Walk held = walk(servers, elsewhere);
    CHECK(pick(held, std::nullopt) == '1');
    ServerGroup::Walk second = walk(servers, asker);
    CHECK(pick(second) == '-');
  });
  other.join();
  CHECK(picks(servers, 1) == "1");  // a walk that ends gives its place back
}

TEST_CASE("least_conn asks who has least to do for its weight") {
  ServerGroup servers = group({server(1), server(2, 2)}, upstream::least_conn());
  Asker asker;
  std::vector<ServerGroup::Walk> under_way;
  std::string order;
  for (int i = 0; i < 6; ++i) order += pick(under_way.emplace_back(walk(servers, asker)), std::nullopt);
  CHECK(order == "212122");
}

TEST_CASE("ip_hash sends a network of clients to one server") {
  ServerGroup servers = group({server(1), server(2, 2), server(3)}, upstream::ip_hash());
  std::string order;
  for (const char* client :
       {"1.7.9.1", "1.7.9.200", "4.7.9.1", "7.7.9.1", "10.7.9.1", "13.7.9.1", "2001:db8::1", "unix:"}) {
    Asker asker("/", client);
    ServerGroup::Walk one = walk(servers, asker);
    order += pick(one);
  }
  CHECK(order == "22312213");
}

TEST_CASE("hash places keys as Cache::Memcached does, and hash consistent as Cache::Memcached::Fast") {
  for (const bool consistent : {false, true}) {
    CAPTURE(consistent);
    std::string order;
    for (int i = 0; i < 12; ++i) {
      const auto key = rules::Template::constant_text("key" + std::to_string(i));
      const ServerGroup::Servers all{server(18081), server(18082, 2), server(18083), server(18084)};
      ServerGroup servers = group(all, consistent ? upstream::consistent_hash(key, all) : upstream::hash(key));
      Asker asker;
      ServerGroup::Walk one = walk(servers, asker);
      order += pick(one);
    }
    CHECK(order == (consistent ? "313321113243" : "223322223424"));
  }
}

TEST_CASE("a key without a value, and servers that are all full, leave it to taking turns") {
  const ServerGroup::Servers all{server(1), server(2), server(3)};
  const auto none = rules::Template::constant_text("");
  ServerGroup plain = group(all, upstream::hash(none));
  CHECK(picks(plain, 4) == "1231");
  ServerGroup circle = group(all, upstream::consistent_hash(none, all));
  CHECK(picks(circle, 4) == "1231");
}

TEST_CASE("random keeps to the weights, and of two takes the less busy one") {
  ServerGroup servers = group({server(1), server(2, 99)}, upstream::random_peer(upstream::RandomKind::One));
  const std::string order = picks(servers, 200);
  CHECK(std::count(order.begin(), order.end(), '2') > 150);

  ServerGroup pair = group({server(1), server(2)}, upstream::random_peer(upstream::RandomKind::LessBusyOfTwo));
  Asker asker;
  ServerGroup::Walk busy = walk(pair, asker);
  const char first = pick(busy, std::nullopt);
  for (int i = 0; i < 20; ++i) CHECK(picks(pair, 1) == std::string(1, first == '1' ? '2' : '1'));
}
