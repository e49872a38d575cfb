// A gate with the embedded registry, asked over sockets with the whole gate in between, and what its answers have.
#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "integration/support.h"
#include "integration/wire.h"

namespace integration {

inline constexpr std::string_view docker_image = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr std::string_view docker_list = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr std::string_view oci_image = "application/vnd.oci.image.manifest.v1+json";
inline constexpr std::string_view oci_index = "application/vnd.oci.image.index.v1+json";
inline const std::string absent = "sha256:" + std::string(64, 'a');

// A folder that the worker's user may write.
struct Data : TemporaryFolder {
  Data() { std::filesystem::permissions(path(), std::filesystem::perms::all); }
};

struct Registry {
  explicit Registry(const TemporaryFolder& data, std::string_view options = "registry_delete on;")
      : server("", "upstream registry { registry " + data.path() + "; " + std::string(options) +
                       " } server { listen 127.0.0.1:" + std::to_string(port) +
                       "; client_max_body_size 0; location / { proxy_pass http://registry; } }") {
    server.start();
  }

  Answer ask(std::string_view method, std::string_view path, std::string_view headers = "",
             std::string_view body = "") const {
    std::string request =
        std::string(method) + ' ' + std::string(path) + " HTTP/1.1\r\nHost: reg.test:5000\r\n" + std::string(headers);
    if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH") {
      request += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    }
    return integration::ask(port, request + "\r\n" + std::string(body));
  }
  Answer get(std::string_view path, std::string_view headers = "") const { return ask("GET", path, headers); }

  // "/v2/NAME/blobs/uploads/UUID"
  std::string begin(const std::string& name) const {
    const Answer answer = ask("POST", "/v2/" + name + "/blobs/uploads/");
    REQUIRE(answer.status == 202);
    return path_of(answer);
  }
  // A blob in one POST; its digest.
  std::string push_blob(const std::string& name, std::string_view bytes) const {
    const std::string digest = digest_of(bytes);
    REQUIRE(ask("POST", "/v2/" + name + "/blobs/uploads/?digest=" + digest, "", bytes).status == 201);
    return digest;
  }
  Answer put_manifest(const std::string& name, const std::string& reference, std::string_view type,
                      std::string_view bytes) const {
    return ask("PUT", "/v2/" + name + "/manifests/" + reference, "Content-Type: " + std::string(type) + "\r\n", bytes);
  }
  // The part of Location after the host, which must be the one that was asked.
  static std::string path_of(const Answer& answer) {
    const std::string location = answer.header("Location");
    const std::string base = "http://reg.test:5000";
    CAPTURE(location);
    REQUIRE(location.starts_with(base + "/v2/"));
    return location.substr(base.size());
  }

  std::uint16_t port = free_port();
  Server server;
};

inline std::string image_of(const std::string& config, const std::string& layer, std::string_view type = oci_image) {
  return R"({"schemaVersion":2,"mediaType":")" + std::string(type) +
         R"(","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":")" + config +
         R"(","size":2},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":")" + layer +
         R"(","size":5}]})";
}

inline std::string index_of(const std::string& digest, std::string_view type = oci_index) {
  return R"({"schemaVersion":2,"mediaType":")" + std::string(type) + R"(","manifests":[{"mediaType":")" +
         std::string(type == oci_index ? oci_image : docker_image) + R"(","digest":")" + digest +
         R"(","size":1,"platform":{"os":"linux","architecture":"amd64"}}]})";
}

inline std::string error(std::string_view code, std::string_view message, std::string_view detail = "") {
  return R"({"errors":[{"code":")" + std::string(code) + R"(","message":")" + std::string(message) + '"' +
         (detail.empty() ? "" : R"(,"detail":)" + std::string(detail)) + "}]}\n";
}

// What every answer of the API has.
inline void check_api(const Answer& answer, unsigned status) {
  CAPTURE(answer.head);
  CHECK(answer.status == status);
  CHECK(answer.count("Docker-Distribution-Api-Version") == 1);
  CHECK(answer.header("Docker-Distribution-Api-Version") == "registry/2.0");
  CHECK(answer.header("X-Content-Type-Options") == "nosniff");
}

inline void check_error(const Answer& answer, unsigned status, const std::string& body) {
  check_api(answer, status);
  CHECK(answer.header("Content-Type") == "application/json; charset=utf-8");
  CHECK(answer.body == body);
}

inline void check_created(const Answer& answer, const std::string& path, const std::string& digest) {
  check_api(answer, 201);
  CHECK(Registry::path_of(answer) == path);
  CHECK(answer.header("Docker-Content-Digest") == digest);
  CHECK(answer.header("Content-Length") == "0");
}

}  // namespace integration
