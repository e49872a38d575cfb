// Nothing is held whole: large transfers take little memory.
//
// They are of 1 GiB; CAISSON_LARGE_MIB sets another size (the claim is about 4096). In a build with a sanitizer they
// are small.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <stdlib.h>

#include <future>
#include <string>

#include "integration/backend.h"
#include "integration/streaming/gate.h"
#include "integration/streaming/pattern.h"
#include "integration/streaming/usage.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t usual_size = 64 * mib;
#else
constexpr std::uint64_t usual_size = 1024 * mib;
#endif

std::uint64_t large_size() {
  const char* const chosen = ::getenv("CAISSON_LARGE_MIB");  // NOLINT(concurrency-mt-unsafe): before any thread
  return chosen != nullptr ? std::stoull(chosen) * mib : usual_size;
}

}  // namespace

TEST_CASE("a large chunked upload through an external backend takes little memory") {
  Backend backend;
  Gate gate(backend.port());
  const std::uint64_t size = large_size();
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send("PATCH /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    Wire peer = backend.accept();
    peer.read_until("\r\n\r\n");
    const std::uint64_t before = peak_memory(gate.server.worker());
    auto sending = std::async(std::launch::async, [&] { send_chunked_pattern(client, size); });
    const PatternCheck got = read_chunked_pattern(peer);
    sending.get();
    CHECK(got.intact());
    CHECK(got.size() == size);
    peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(client).status == 202);
    check_growth(gate.server.worker(), before);
  }
}

TEST_CASE("a large download through an external backend takes little memory") {
  Backend backend;
  Gate gate(backend.port());
  const std::uint64_t size = large_size();
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send(get_request("/blob"));
    Wire peer = backend.accept();
    peer.read_until("\r\n\r\n");
    const std::uint64_t before = peak_memory(gate.server.worker());
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\nConnection: close\r\n\r\n");
    auto sending = std::async(std::launch::async, [&] { send_pattern(peer, size); });
    client.read_until("\r\n\r\n");
    const PatternCheck got = read_pattern(client, size);
    sending.get();
    CHECK(got.intact());
    CHECK(got.size() == size);
    check_growth(gate.server.worker(), before);
  }
}

TEST_CASE("a large upload to the embedded registry and its download take little memory") {
  const TemporaryFolder data;
  Gate gate(data);
  Wire client = gate.connect(false);
  const std::uint64_t size = large_size();
  const std::string digest = digest_of_repeated(pattern(), size);
  const std::string upload = begin_upload(client);
  const std::uint64_t before = peak_memory(gate.server.worker());

  client.send(chunked_patch(upload));
  send_chunked_pattern(client, size);
  const Answer taken = read_answer(client);
  CHECK(taken.status == 202);
  CHECK(taken.header("Range") == "0-" + std::to_string(size - 1));
  finish_upload(client, upload, digest);
  check_growth(gate.server.worker(), before);
  const std::uint64_t after_upload = peak_memory(gate.server.worker());

  const std::string hex = digest.substr(7);
  const std::string file = data.path("docker/registry/v2/blobs/sha256/" + hex.substr(0, 2) + '/' + hex + "/data");
  for (const bool cached : {true, false}) {
    CAPTURE(cached);
    if (!cached) {
      const caisson::Fd blob(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
      REQUIRE(::posix_fadvise(blob.get(), 0, 0, POSIX_FADV_DONTNEED) == 0);
    }
    client.send(get_request("/v2/repo/blobs/" + digest));
    const std::string head = client.read_until("\r\n\r\n");
    CHECK(head.find("Content-Length: " + std::to_string(size) + "\r\n") != std::string::npos);
    const PatternCheck got = read_pattern(client, size);
    CHECK(got.intact());
    CHECK(got.size() == size);
  }
  check_growth(gate.server.worker(), after_upload);
}
