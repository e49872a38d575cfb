// Nothing is held back, nothing is held whole, and nobody is read faster than the other side takes it: between client
// and backend, and between client and the embedded registry.
//
// The sizes of the large transfers are 1 GiB; CAISSON_LARGE_MIB sets another (the claim is about 4096). In a build with
// a sanitizer they are small, and memory is not measured: a sanitizer keeps what was freed.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <future>
#include <iterator>
#include <sstream>
#include <thread>

#include "integration/backend.h"
#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

constexpr std::uint64_t mib = 1024UL * 1024;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t usual_size = 64 * mib;
constexpr std::uint64_t allowed_growth = UINT64_MAX;
#else
constexpr std::uint64_t usual_size = 1024 * mib;
constexpr std::uint64_t allowed_growth = 32 * mib;
#endif

std::uint64_t large_size() {
  const char* const chosen = ::getenv("CAISSON_LARGE_MIB");  // NOLINT(concurrency-mt-unsafe): before any thread
  return chosen != nullptr ? std::stoull(chosen) * mib : usual_size;
}

// A megabyte that repeats nowhere within itself, so that lost or doubled bytes show.
const std::string& pattern() {
  static const std::string made = [] {
    std::string bytes(mib, '\0');
    std::uint64_t state = 88172645463325252ULL;
    for (char& byte : bytes) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      byte = static_cast<char>(state);
    }
    return bytes;
  }();
  return made;
}

// Compares what comes with an endless repetition of the pattern.
class PatternCheck {
 public:
  void take(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::string_view expected = std::string_view(pattern()).substr(size_ % pattern().size(), bytes.size());
      intact_ = intact_ && bytes.starts_with(expected);
      bytes.remove_prefix(expected.size());
      size_ += expected.size();
    }
  }
  bool intact() const noexcept { return intact_; }
  std::uint64_t size() const noexcept { return size_; }

 private:
  std::uint64_t size_ = 0;
  bool intact_ = true;
};

void send_pattern(Wire& wire, std::uint64_t size, bool chunked) {
  const std::string chunk = as_chunk(pattern());
  for (; size > 0; size -= std::min(size, mib)) {
    wire.send(chunked ? chunk : std::string_view(pattern()).substr(0, size));
  }
  if (chunked) wire.send("0\r\n\r\n");
}

PatternCheck read_pattern(Wire& wire, std::uint64_t size) {
  PatternCheck check;
  while (check.size() < size) {
    const std::string_view bytes = wire.read_some();
    if (bytes.empty()) break;
    check.take(bytes);
  }
  return check;
}

PatternCheck read_chunked_pattern(Wire& wire) {
  PatternCheck check;
  for (;;) {
    const std::uint64_t size = std::stoull(wire.read_until("\r\n"), nullptr, 16);
    check.take(wire.read(size));
    wire.read(2);
    if (size == 0) return check;
  }
}

std::uint64_t peak_memory(pid_t pid) { return std::stoull(status_line(pid, "VmHWM")) * 1024; }

// User and system time so far.
std::chrono::milliseconds cpu_time(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  std::uint64_t user = 0;
  std::uint64_t system = 0;
  fields >> user >> system;
  return std::chrono::milliseconds((user + system) * 1000 / static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK)));
}

// How much of the next second the process spends. The one fixed wait here: that nothing happens has no event.
std::chrono::milliseconds cpu_time_of_a_second(pid_t pid) {
  const auto before = cpu_time(pid);
  std::this_thread::sleep_for(std::chrono::seconds(1));
  return cpu_time(pid) - before;
}

// A gate on a plain and a TLS port.
struct Gate {
  explicit Gate(std::uint16_t backend) { start(proxying_to(backend)); }
  explicit Gate(const TemporaryFolder& data) {
    std::filesystem::permissions(data.path(), std::filesystem::perms::all);  // for the worker's user
    start("upstream registry { registry " + data.path() + "; registry_delete on; }", "http://registry");
  }

  Wire connect(bool tls) const {
    Wire::Options options;
    options.tls = tls;
    return Wire::to(tls ? tls_port : port, options);
  }

  std::uint16_t port = free_port();
  std::uint16_t tls_port = free_port();
  Server server;

 private:
  static std::string proxying_to(std::uint16_t backend) {
    return "upstream backend { server 127.0.0.1:" + std::to_string(backend) + "; }";
  }
  void start(const std::string& upstream, const std::string& target = "http://backend") {
    const Identity identity = make_identity();
    server.folder().write("tls.crt", identity.certificate);
    server.folder().write("tls.key", identity.key);
    server.configure(upstream + "\nserver { listen 127.0.0.1:" + std::to_string(port) +
                     "; listen 127.0.0.1:" + std::to_string(tls_port) +
                     " ssl; ssl_certificate tls.crt; ssl_certificate_key tls.key; client_max_body_size 0; location / "
                     "{ proxy_pass " +
                     target +
                     "; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off; proxy_set_header "
                     "Host $http_host; } }");
    server.start();
  }
};

// "/v2/repo/blobs/uploads/UUID"
std::string begin_upload(Wire& client) {
  client.send("POST /v2/repo/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const Answer answer = read_answer(client);
  REQUIRE(answer.status == 202);
  const std::string location = answer.header("Location");
  return location.substr(location.find("/v2/"));
}

std::string upload_folder(const TemporaryFolder& data, std::string_view upload) {
  const std::string id(upload.substr(upload.rfind('/') + 1));
  return data.path("docker/registry/v2/repositories/repo/_uploads/" + id);
}

std::string chunked_patch(const std::string& upload) {
  return "PATCH " + upload + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
}

void finish_upload(Wire& client, const std::string& upload, const std::string& digest) {
  client.send("PUT " + upload + "?digest=" + digest + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const Answer answer = read_answer(client);
  CHECK(answer.status == 201);
  CHECK(answer.header("Docker-Content-Digest") == digest);
}

}  // namespace

TEST_CASE("the backend has a chunk of the request before the next one is sent") {
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send("PATCH /upload HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    Wire peer = backend.accept();
    CHECK(peer.read_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    client.send(as_chunk("first"));
    CHECK(peer.read_until("first\r\n") == as_chunk("first"));
    client.send(as_chunk("second"));
    CHECK(peer.read_until("second\r\n") == as_chunk("second"));
    client.send("0\r\n\r\n");
    CHECK(peer.read_until("0\r\n\r\n") == "0\r\n\r\n");
    peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(client).status == 202);
  }
}

TEST_CASE("the backend has a part of a body of declared length before the rest is sent") {
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send("PUT /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 11\r\n\r\n");
    Wire peer = backend.accept();
    CHECK(peer.read_until("\r\n\r\n").find("Content-Length: 11\r\n") != std::string::npos);
    client.send("first");
    CHECK(peer.read(5) == "first");
    client.send("second");
    CHECK(peer.read(6) == "second");
    peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(client).status == 202);
  }
}

TEST_CASE("the client has a part of the response before the next one is sent, however it is framed") {
  struct Framing {
    std::string_view backend_head;
    std::string_view client_head;
    bool chunked_to_client;
  };
  const Framing framings[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n", "Content-Length: 11\r\n", false},
      {"HTTP/1.0 200 OK\r\n\r\n", "Transfer-Encoding: chunked\r\n", true},
  };
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    for (const Framing& framing : framings) {
      CAPTURE(tls);
      CAPTURE(framing.backend_head);
      Wire client = gate.connect(tls);
      client.send(get_request("/blob"));
      Wire peer = backend.accept();
      peer.read_until("\r\n\r\n");
      peer.send(framing.backend_head);
      CHECK(client.read_until("\r\n\r\n").find(framing.client_head) != std::string::npos);
      for (const std::string part : {"first", "second"}) {
        const std::string expected = framing.chunked_to_client ? as_chunk(part) : part;
        peer.send(part);
        CHECK(client.read(expected.size()) == expected);
      }
      { const Wire closing = std::move(peer); }
      if (framing.chunked_to_client) CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
    }
  }
}

TEST_CASE("the client has a chunk of the response before the next one is sent") {
  Backend backend;
  Gate gate(backend.port());
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    Wire client = gate.connect(tls);
    client.send(get_request("/blob"));
    Wire peer = backend.accept();
    peer.read_until("\r\n\r\n");
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n");
    CHECK(client.read_until("\r\n\r\n").find("Transfer-Encoding: chunked\r\n") != std::string::npos);
    peer.send(as_chunk("first"));
    CHECK(client.read_until("first\r\n") == as_chunk("first"));
    peer.send(as_chunk("second"));
    CHECK(client.read_until("second\r\n") == as_chunk("second"));
    peer.send("0\r\n\r\n");
    CHECK(client.read_until("0\r\n\r\n") == "0\r\n\r\n");
  }
}

TEST_CASE("a response that breaks off is no whole one, with TLS neither") {
  Backend backend;
  Gate gate(backend.port());
  for (const std::string_view head : {"Content-Length: 50", "Transfer-Encoding: chunked"}) {
    CAPTURE(head);
    Wire client = gate.connect(true);
    client.send(get_request("/blob", "Connection: close\r\n"));
    {
      Wire peer = backend.accept();
      peer.read_until("\r\n\r\n");
      peer.send("HTTP/1.1 200 OK\r\n" + std::string(head) + "\r\n\r\n5\r\nhello\r\n");
      client.read_until("hello");
    }
    CHECK(client.read_to_end().find("0\r\n\r\n") == std::string::npos);
    CHECK_FALSE(client.ended_cleanly());  // no close_notify: the client knows that it was cut
  }
}

TEST_CASE("both directions flow at once: an echoing backend needs no end of the request") {
  Backend backend;
  Gate gate(backend.port());
  Wire client = gate.connect(false);
  client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
  Wire peer = backend.accept();
  peer.read_until("\r\n\r\n");
  peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  client.read_until("\r\n\r\n");
  for (const std::string word : {"one", "two", "three"}) {
    client.send(as_chunk(word));
    peer.send(peer.read_until(word + "\r\n"));
    CHECK(client.read_until(word + "\r\n") == as_chunk(word));
  }
}

TEST_CASE("an upload's bytes are on disk while the next are not yet sent, and after the client breaks off") {
  const TemporaryFolder data;
  Gate gate(data);
  Wire control = gate.connect(false);
  for (const bool tls : {false, true}) {
    CAPTURE(tls);
    const std::string upload = begin_upload(control);
    const std::string file = upload_folder(data, upload) + "/data";
    {
      Wire client = gate.connect(tls);
      client.send(chunked_patch(upload));
      client.send(as_chunk(pattern()));
      // What has not filled a buffer yet waits for the next bytes.
      CHECK(eventually([&] { return std::filesystem::file_size(file) >= mib / 2; }));
      client.send(as_chunk("and the last words"));
    }
    const std::uint64_t sent = mib + 18;
    CHECK(eventually([&] { return std::filesystem::file_size(file) == sent; }));
    control.send(get_request(upload));
    const Answer status = read_answer(control);
    CHECK(status.status == 204);
    CHECK(status.header("Range") == "0-" + std::to_string(sent - 1));

    control.send("PATCH " + upload + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nContent-Range: " +
                 std::to_string(sent) + '-' + std::to_string(sent + 3) + "\r\n\r\nmore");
    CHECK(read_answer(control).status == 202);
    finish_upload(control, upload, digest_of(pattern() + "and the last wordsmore"));
  }
}

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
    auto sending = std::async(std::launch::async, [&] { send_pattern(client, size, true); });
    const PatternCheck got = read_chunked_pattern(peer);
    sending.get();
    CHECK(got.intact());
    CHECK(got.size() == size);
    peer.send("HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    CHECK(read_answer(client).status == 202);
    const std::uint64_t growth = peak_memory(gate.server.worker()) - before;
    MESSAGE("peak memory grew by " << growth / 1024 << " KiB");
    CHECK(growth < allowed_growth);
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
    auto sending = std::async(std::launch::async, [&] { send_pattern(peer, size, false); });
    client.read_until("\r\n\r\n");
    const PatternCheck got = read_pattern(client, size);
    sending.get();
    CHECK(got.intact());
    CHECK(got.size() == size);
    const std::uint64_t growth = peak_memory(gate.server.worker()) - before;
    MESSAGE("peak memory grew by " << growth / 1024 << " KiB");
    CHECK(growth < allowed_growth);
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
  send_pattern(client, size, true);
  const Answer taken = read_answer(client);
  CHECK(taken.status == 202);
  CHECK(taken.header("Range") == "0-" + std::to_string(size - 1));
  finish_upload(client, upload, digest);
  const std::uint64_t after_upload = peak_memory(gate.server.worker());
  MESSAGE("peak memory grew by " << (after_upload - before) / 1024 << " KiB");
  CHECK(after_upload - before < allowed_growth);

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
  const std::uint64_t growth = peak_memory(gate.server.worker()) - after_upload;
  MESSAGE("peak memory grew by " << growth / 1024 << " KiB");
  CHECK(growth < allowed_growth);
}

// What lies between two sockets that nobody empties: the sockets' buffers at the system's most, and a pipe of ours.
constexpr std::uint64_t fits_between = 48 * mib;

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

    auto sending = std::async(std::launch::async, [&] {
      for (std::uint64_t sent = taken; sent < size;) {
        const std::string_view next = std::string_view(pattern()).substr(sent % mib, size - sent);
        peer.send(next);
        sent += next.size();
      }
    });
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

  auto sending = std::async(std::launch::async, [&] {
    for (std::uint64_t sent = taken; sent < size;) {
      const std::string_view next = std::string_view(pattern()).substr(sent % mib, size - sent);
      client.send(next);
      sent += next.size();
    }
  });
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
  while (taken < size) {
    const std::string_view next = std::string_view(pattern()).substr(taken % mib, size - taken);
    client.send(next);
    taken += next.size();
  }
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
  send_pattern(control, size, true);
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
