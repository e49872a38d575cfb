#include "gateway/answers/gzip_acceptance.h"

#include <zlib.h>

#include "base/text.h"
#include "gateway/answers/deflate.h"
#include "unit/gateway/gate_harness.h"

using gate_test::Gate;
using gate_test::Response;
using namespace caisson;

namespace {

const std::string letters(2000, 'x');

std::string unpacked(const std::string& packed) {
  z_stream stream{};
  REQUIRE(inflateInit2(&stream, MAX_WBITS + 16) == Z_OK);
  std::string in = packed;
  std::string out(100'000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  inflate(&stream, Z_SYNC_FLUSH);
  out.resize(out.size() - stream.avail_out);
  inflateEnd(&stream);
  return out;
}

Response ask(Gate& gate, const std::string& target, http::Headers headers) {
  return gate.ask({"GET", target, std::move(headers)});
}

// Collects what comes out of a filter, and how often it was flushed.
struct Collected final : http::BodyWriter {
  async::Task<void> write(std::span<const std::byte> slice) override {
    bytes += text::view_of(slice);
    co_return;
  }
  async::Task<void> flush() override {
    ++flushes;
    co_return;
  }
  async::Task<void> finish() override {
    finished = true;
    co_return;
  }
  std::string bytes;
  int flushes = 0;
  bool finished = false;
};

void run(async::Task<void> task) {
  async::Loop loop;
  loop.spawn(std::move(task));
  loop.stop_when_idle();
  loop.run();
}

}  // namespace

TEST_CASE("an answer is compressed for who accepts gzip, and says that it depends on it") {
  Gate gate("gzip on; gzip_vary on; gzip_types text/plain; server { location / { return 200 \"" + letters + "\"; } }");
  const Response packed = ask(gate, "/", {{"Accept-Encoding", "gzip, deflate"}});
  CHECK(packed.header("Content-Encoding") == "gzip");
  CHECK(packed.header("Vary") == "Accept-Encoding");
  CHECK(packed.header("Content-Length") == "(none)");
  CHECK(packed.finished);
  CHECK(packed.body.size() < 100);
  CHECK(unpacked(packed.body) == letters);
  const Response plain = ask(gate, "/", {});
  CHECK(plain.header("Content-Encoding") == "(none)");
  CHECK(plain.header("Vary") == "Accept-Encoding");
  CHECK(plain.body == letters);
}

TEST_CASE("gzip leaves alone what is short, of another type, or of another status") {
  Gate gate(R"(gzip on; gzip_min_length 10; gzip_types application/json;
    server {
      default_type text/html;
      location /short { return 200 "<p>short"; }
      location /long { return 200 "<p>long enough"; }
      location /json { default_type application/json; return 200 "{\"long\": \"enough\"}"; }
      location /plain { default_type text/plain; return 200 "long enough text"; }
      location /created { return 201 "long enough text"; }
    })");
  const http::Headers gzip{{"Accept-Encoding", "gzip"}};
  CHECK(ask(gate, "/short", gzip).header("Content-Encoding") == "(none)");
  CHECK(ask(gate, "/long", gzip).header("Content-Encoding") == "gzip");
  CHECK(ask(gate, "/json", gzip).header("Content-Encoding") == "gzip");
  CHECK(ask(gate, "/plain", gzip).header("Content-Encoding") == "(none)");
  CHECK(ask(gate, "/created", gzip).header("Content-Encoding") == "(none)");
}

TEST_CASE("what a registry names by digest is never compressed") {
  Gate gate(R"(gzip on; gzip_types *;
    server {
      location /v2/m { default_type application/vnd.oci.image.manifest.v1+json; return 200 "a manifest, and long enough"; }
      location /v2/b { default_type application/octet-stream; return 200 "a blob, and long enough for it"; }
      location /v2/d { add_header Docker-Content-Digest sha256:00; return 200 "named by its digest, long enough"; }
      location /v2/t { default_type application/json; return 200 "a list of tags, and long enough"; }
      location /ui/b { default_type application/octet-stream; return 200 "not a registry's, and long enough"; }
    })");
  const http::Headers gzip{{"Accept-Encoding", "gzip"}};
  for (const char* target : {"/v2/m", "/v2/b", "/v2/d"}) {
    CAPTURE(target);
    CHECK(ask(gate, target, gzip).header("Content-Encoding") == "(none)");
    CHECK(ask(gate, target, gzip).header("Content-Length") != "(none)");
  }
  CHECK(ask(gate, "/v2/t", gzip).header("Content-Encoding") == "gzip");
  CHECK(ask(gate, "/ui/b", gzip).header("Content-Encoding") == "gzip");
}

TEST_CASE("Accept-Encoding is read as nginx reads it") {
  using gateway::accepts_gzip;
  for (const char* yes : {"gzip", "gzip,deflate", "deflate, gzip", "GZIP", "gzip;q=1", "gzip;q=0.001", "gzip ; q=1.000",
                          "gzip;", "notgzip, gzip"}) {
    CAPTURE(yes);
    CHECK(accepts_gzip(yes));
  }
  for (const char* no : {"", "deflate", "notgzip", "gzip;q=0", "gzip;q=0.000", "gzip;q=1.001", "gzip;q=2", "gzip;x",
                         "gzipped", "gzip;q", "gzip;q=0.0001"}) {
    CAPTURE(no);
    CHECK_FALSE(accepts_gzip(no));
  }
}

TEST_CASE("behind a proxy gzip_proxied decides") {
  Gate gate(R"(gzip on;
    server {
      default_type text/html;
      location /off { return 200 "<p>long enough to be packed"; }
      location /any { gzip_proxied any; return 200 "<p>long enough to be packed"; }
      location /auth { gzip_proxied auth; return 200 "<p>long enough to be packed"; }
      location /expired { gzip_proxied expired; expires -1; return 200 "<p>long enough to be packed"; }
      location /fresh { gzip_proxied expired; expires 1h; return 200 "<p>long enough to be packed"; }
    })");
  const auto encoding = [&](const char* target, bool login) {
    http::Headers headers{{"Accept-Encoding", "gzip"}, {"Via", "1.1 x"}};
    if (login) headers.add("Authorization", "Basic YTpi");
    return ask(gate, target, headers).header("Content-Encoding");
  };
  CHECK(encoding("/off", false) == "(none)");
  CHECK(encoding("/any", false) == "gzip");
  CHECK(encoding("/auth", false) == "gzip");  // nothing in the answer speaks against it
  CHECK(encoding("/auth", true) == "gzip");
  CHECK(encoding("/expired", false) == "gzip");
  CHECK(encoding("/fresh", false) == "(none)");
}

TEST_CASE("gzip_disable knows old browsers by name") {
  Gate gate(R"(gzip on; gzip_disable msie6 "curl/7";
    server { default_type text/html; location / { return 200 "<p>long enough to be packed"; } })");
  const auto encoding = [&](const char* agent) {
    return ask(gate, "/", {{"Accept-Encoding", "gzip"}, {"User-Agent", agent}}).header("Content-Encoding");
  };
  CHECK(encoding("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1)") == "(none)");
  CHECK(encoding("Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)") == "gzip");
  CHECK(encoding("CURL/7.1") == "(none)");
  CHECK(encoding("docker/20.10") == "gzip");
}

TEST_CASE("a flush lets the client read what has been written so far") {
  Collected collected;
  gateway::GzipCount count;
  gateway::GzipWriter writer(collected, {}, count);
  run(writer.write(text::bytes_of("first part")));
  CHECK(unpacked(collected.bytes).empty());
  run(writer.flush());
  CHECK(collected.flushes == 1);
  CHECK(unpacked(collected.bytes) == "first part");
  const std::size_t flushed = collected.bytes.size();
  run(writer.flush());
  CHECK(collected.bytes.size() == flushed);  // nothing new, no empty block
  run(writer.write(text::bytes_of(", second part")));
  run(writer.finish());
  CHECK(collected.finished);
  CHECK(unpacked(collected.bytes) == "first part, second part");
  CHECK(count.in == 23);
  CHECK(count.out == collected.bytes.size());
}

TEST_CASE("gunzip reads several members as one body, a byte at a time") {
  Collected packed;
  gateway::GzipCount count;
  for (const char* part : {"one ", "two"}) {
    gateway::GzipWriter writer(packed, {}, count);
    run(writer.write(text::bytes_of(part)));
    run(writer.finish());
  }
  Collected plain;
  gateway::UnpackWriter reader(plain, 4);
  for (const char& byte : packed.bytes) run(reader.write(text::bytes_of(std::string_view(&byte, 1))));
  run(reader.finish());
  CHECK(plain.bytes == "one two");
  CHECK(plain.finished);
}
