// Nobody is read faster than the other side takes it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/file.h>

#include <chrono>
#include <filesystem>
#include <future>
#include <string>
#include <vector>

#include "integration/backend.h"
#include "integration/streaming/gate.h"
#include "integration/streaming/pattern.h"
#include "integration/streaming/usage.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

// What lies between two sockets that nobody empties: the sockets' buffers at the system's most, and a pipe of ours.
constexpr std::uint64_t fits_between = 48 * mib;

}  // namespace

TEST_CASE("a client that stops reading stops the backend, without a busy loop, and gets everything later") {
  Backend backend(0, 64 * 1024);
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire::Options options;
    options.tls = tls;
    options.receive_buffer = 64 * 1024;
    Wire client = Wire::to(tls ? gate.tls_port : gate.port, options);
    client.send(get_request("/blob"));
    Wire peer = backend.accept();
    peer.read_until("\r\n\r\n");
    const std::uint64_t size = 64 * mib;
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\nConnection: close\r\n\r\n");
    const std::uint64_t taken = peer.send_until_stuck(pattern(), fits_between);
    CHECK(cpu_time_of_a_second(gate.server.worker()) < std::chrono::milliseconds(100));

    auto sending = std::async(std::launch::async, [&] { send_pattern(peer, size, taken); });
    client.read_until("\r\n\r\n");
    const PatternCheck got = read_pattern(client, size);
    sending.get();
    CHECK(got.size() == size);
    CHECK(got.intact());
  }
}

TEST_CASE("a backend that stops reading stops the client, without a busy loop, and gets everything later") {
  Backend backend(64 * 1024);
  Gate gate(backend.port());
  Wire client = gate.connect(false);
  const std::uint64_t size = 64 * mib;
  client.send("PUT /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
  Wire peer = backend.accept();
  peer.read_until("\r\n\r\n");
  const std::uint64_t taken = client.send_until_stuck(pattern(), fits_between);
  CHECK(cpu_time_of_a_second(gate.server.worker()) < std::chrono::milliseconds(100));

  auto sending = std::async(std::launch::async, [&] { send_pattern(client, size, taken); });
  const PatternCheck got = read_pattern(peer, size);
  sending.get();
  CHECK(got.size() == size);
  CHECK(got.intact());
  peer.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  CHECK(read_answer(client).status == 201);
}

TEST_CASE("a disk that stands still stops the client, and nobody else") {
  const TemporaryFolder data;
  Gate gate(data);
  Wire control = gate.connect(false);
  const std::string upload = begin_upload(control);
  Wire client = gate.connect(false);
  client.send(chunked_patch(upload));
  client.send(as_chunk(pattern()));
  const std::string folder = upload_folder(data, upload);
  REQUIRE(eventually([&] { return std::filesystem::file_size(folder + "/data") > 0; }));
  std::uint64_t taken = 0;
  const std::uint64_t size = 64 * mib;
  {
    // Every write waits for this lock, as it would for a disk.
    const caisson::Fd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CLOEXEC));
    REQUIRE(::flock(lock.get(), LOCK_EX) == 0);
    client.send("4000000\r\n");
    taken = client.send_until_stuck(pattern(), fits_between);
    CHECK(cpu_time_of_a_second(gate.server.worker()) < std::chrono::milliseconds(100));
    control.send(get_request("/v2/"));
    CHECK(read_answer(control).body == "{}");
  }
  send_pattern(client, size, taken);
  client.send("\r\n0\r\n\r\n");
  const Answer answer = read_answer(client);
  CHECK(answer.status == 202);
  CHECK(answer.header("Range") == "0-" + std::to_string(size + mib - 1));
  finish_upload(control, upload, digest_of_repeated(pattern(), size + mib));
}

TEST_CASE("a client that reads nothing of a stored blob holds little memory and no processor") {
  const TemporaryFolder data;
  Gate gate(data);
  Wire control = gate.connect(false);
  const std::uint64_t size = 64 * mib;
  const std::string digest = digest_of_repeated(pattern(), size);
  const std::string upload = begin_upload(control);
  control.send(chunked_patch(upload));
  send_chunked_pattern(control, size);
  REQUIRE(read_answer(control).status == 202);
  finish_upload(control, upload, digest);

  const std::uint64_t before = peak_memory(gate.server.worker());
  Wire::Options options;
  options.receive_buffer = 64 * 1024;
  std::vector<Wire> clients;
  for (int i = 0; i < 20; ++i) {
    clients.push_back(Wire::to(gate.port, options));
    clients.back().send(get_request("/v2/repo/blobs/" + digest));
    clients.back().read_until("\r\n\r\n");
  }
  CHECK(cpu_time_of_a_second(gate.server.worker()) < std::chrono::milliseconds(100));
  CHECK(peak_memory(gate.server.worker()) - before < allowed_growth);
  CHECK(read_pattern(clients.back(), size - mib).intact());
}
