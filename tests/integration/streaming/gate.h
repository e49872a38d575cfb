// The binary between clients and a backend or the embedded registry, and the uploads that tests make there.
#pragma once

#include <doctest/doctest.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "integration/support.h"
#include "integration/wire.h"

namespace integration {

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
inline std::string begin_upload(Wire& client) {
  client.send("POST /v2/repo/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const Answer answer = read_answer(client);
  REQUIRE(answer.status == 202);
  const std::string location = answer.header("Location");
  return location.substr(location.find("/v2/"));
}

inline std::string upload_folder(const TemporaryFolder& data, std::string_view upload) {
  const std::string id(upload.substr(upload.rfind('/') + 1));
  return data.path("docker/registry/v2/repositories/repo/_uploads/" + id);
}

inline std::string chunked_patch(const std::string& upload) {
  return "PATCH " + upload + " HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
}

inline void finish_upload(Wire& client, const std::string& upload, const std::string& digest) {
  client.send("PUT " + upload + "?digest=" + digest + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  const Answer answer = read_answer(client);
  CHECK(answer.status == 201);
  CHECK(answer.header("Docker-Content-Digest") == digest);
}

}  // namespace integration
