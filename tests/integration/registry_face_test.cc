// registry:2's face as its users meet it: `caisson registry serve` with variables and files, over sockets.
#include <doctest/doctest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <regex>

#include "integration/support.h"
#include "integration/wire.h"

using namespace integration;

namespace {

// `caisson registry serve`, by variables alone unless there is a file.
class Registry {
 public:
  explicit Registry(std::vector<std::string> environment = {}, std::string yaml = "") {
    const std::string address = "127.0.0.1:" + std::to_string(port);
    std::vector<std::string> command = {binary(), "registry", "serve"};
    if (yaml.empty()) {
      environment.push_back("REGISTRY_HTTP_ADDR=" + address);
      environment.push_back("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + folder.path("data/registry"));
    } else {
      command.push_back(folder.write("config.yml", filled(std::move(yaml))));
    }
    process = std::make_unique<Process>(command, environment);
  }
  ~Registry() {
    process->signal(SIGTERM);
    process->wait();
  }

  // "PORT", "DEBUG" and "FOLDER" stand for what they are.
  std::string filled(std::string text) const {
    text = std::regex_replace(text, std::regex("PORT"), std::to_string(port));
    text = std::regex_replace(text, std::regex("DEBUG"), std::to_string(debug_port));
    return std::regex_replace(text, std::regex("FOLDER/"), folder.path());
  }

  Registry& started() {
    const bool listens = eventually([&] { return said("listening on"); });
    CAPTURE(process->errors());
    REQUIRE(listens);
    return *this;
  }
  bool said(std::string_view text) const { return process->errors().find(text) != std::string::npos; }

  Answer ask(std::string_view method, std::string_view path, std::string_view headers = "") const {
    return integration::ask(port, std::string(method) + ' ' + std::string(path) +
                                      " HTTP/1.1\r\nHost: reg.test:5000\r\nContent-Length: 0\r\n" +
                                      std::string(headers) + "\r\n");
  }
  Answer get(std::string_view path, std::string_view headers = "") const {
    return integration::ask(port, get_request(path, headers));
  }
  Answer debug(std::string_view path) const { return integration::ask(debug_port, get_request(path)); }

  TemporaryFolder folder;
  std::uint16_t port = free_port();
  std::uint16_t debug_port = free_port();
  std::unique_ptr<Process> process;
};

constexpr std::string_view usual = R"(
version: 0.1
storage: {filesystem: {rootdirectory: FOLDER/data}}
)";

struct Ended {
  std::optional<int> status;
  std::string output;
  std::string errors;
};
Ended run(std::vector<std::string> command, const std::vector<std::string>& environment = {}) {
  Process process(std::move(command), environment);
  const auto status = process.wait();
  return {status, process.output(), process.errors()};
}

}  // namespace

TEST_CASE(
    "variables alone serve a registry: in a folder that is made, by the user that started it, logging as registry:2") {
  Registry registry;
  registry.started();
  CHECK(registry.get("/").status == 200);
  CHECK(registry.get("/v2/").body == "{}");
  const Answer begun = registry.ask("POST", "/v2/a/b/blobs/uploads/");
  CHECK(begun.status == 202);
  CHECK(begun.header("Location").starts_with("http://reg.test:5000/v2/a/b/blobs/uploads/"));
  CHECK(registry.folder.has("data/registry/docker/registry/v2/repositories/a/b/_uploads"));
  CHECK(eventually([&] {
    return std::regex_search(registry.process->output(),
                             std::regex(R"(127\.0\.0\.1 - - \[.*\] "POST /v2/a/b/blobs/uploads/ HTTP/1\.1" 202 0 )"));
  }));
  CHECK(std::regex_search(registry.process->errors(), std::regex(R"(time="20.*Z" level=info msg="listening on 127)")));
  const auto workers = children_of(registry.process->pid());
  REQUIRE(workers.size() == 1);
  CHECK(status_line(workers[0], "Uid").starts_with(std::to_string(::geteuid())));
  registry.process->signal(SIGTERM);
  CHECK(registry.process->wait() == 0);
}

TEST_CASE("Locations follow what proxies in front say of the client, as registry:2's do") {
  Registry registry;
  registry.started();
  const auto location = [&](std::string_view headers) {
    return registry.ask("POST", "/v2/a/blobs/uploads/", headers).header("Location");
  };
  CHECK(location("X-Forwarded-Proto: https\r\n").starts_with("https://reg.test:5000/v2/"));
  CHECK(location("X-Forwarded-Host: a.example:1, b.example\r\n").starts_with("http://a.example:1/v2/"));
  CHECK(location("Forwarded: for=1.2.3.4; proto=https;host=\"c.example\"\r\nX-Forwarded-Proto: http\r\n")
            .starts_with("https://c.example/v2/"));
  CHECK(location("X-Forwarded-Proto: javascript\r\nX-Forwarded-Host: a/b\r\n").starts_with("http://reg.test:5000/v2/"));
}

TEST_CASE("paths that registry:2 does not know are its plain 404") {
  Registry registry;
  registry.started();
  for (const std::string path : {"/v1/_ping", "/metrics", "/debug/health", "/x"}) {
    const Answer answer = registry.get(path);
    CAPTURE(path);
    CHECK(answer.status == 404);
    CHECK(answer.header("Content-Type") == "text/plain; charset=utf-8");
    CHECK(answer.header("X-Content-Type-Options") == "nosniff");
    CHECK(answer.body == "404 page not found\n");
  }
}

TEST_CASE("a prefix is before everything but the root, and in all that clients are sent to") {
  Registry registry(
      {}, std::string(usual) + "http: {addr: '127.0.0.1:PORT', prefix: /reg/, headers: {x-extra: [one, two]}}\n");
  registry.started();
  CHECK(registry.get("/").status == 200);
  CHECK(registry.get("/v2/").status == 404);
  CHECK(registry.get("/reg/").status == 404);
  CHECK(registry.get("/reg/v2").header("Location") == "/reg/v2/");
  const Answer version = registry.get("/reg/v2/");
  CHECK(version.status == 200);
  CHECK(version.count("X-Extra") == 2);
  const std::string location = registry.ask("POST", "/reg/v2/a/blobs/uploads/").header("Location");
  CHECK(location.starts_with("http://reg.test:5000/reg/v2/a/blobs/uploads/"));
  CHECK(registry.get(location.substr(std::string("http://reg.test:5000").size())).status == 204);
}

TEST_CASE("htpasswd asks for a password on the API alone; the refusal is the registry's own") {
  Registry registry({}, std::string(usual) +
                            "http: {addr: '127.0.0.1:PORT'}\n"
                            "auth: {htpasswd: {realm: 'R of $5', path: FOLDER/users}}\n");
  registry.started();
  // Nobody had made the file: there is one now, and its password beside it, for its owner alone and in no log.
  const std::string password = registry.folder.read("users.password");
  REQUIRE(password.size() > 20);
  CHECK(registry.said("htpasswd is missing"));
  CHECK_FALSE(registry.said(password.substr(0, 20)));
  struct stat found {};
  REQUIRE(::stat(registry.folder.path("users").c_str(), &found) == 0);
  CHECK((found.st_mode & 0777) == 0600);

  CHECK(registry.get("/").status == 200);
  CHECK(registry.get("/v1/_ping").status == 404);
  const Answer refused = registry.get("/v2/");
  CHECK(refused.status == 401);
  CHECK(refused.header("WWW-Authenticate") == "Basic realm=\"R of $5\"");
  CHECK(refused.header("Docker-Distribution-Api-Version") == "registry/2.0");
  CHECK(refused.header("Content-Type") == "application/json; charset=utf-8");
  CHECK(refused.body ==
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":null}]}\n");
  CHECK(registry.ask("POST", "/v2/a/b/blobs/uploads/?from=c/d").body ==
        "{\"errors\":[{\"code\":\"UNAUTHORIZED\",\"message\":\"authentication required\",\"detail\":["
        "{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"a/b\",\"Action\":\"pull\"},"
        "{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"a/b\",\"Action\":\"push\"},"
        "{\"Type\":\"repository\",\"Class\":\"\",\"Name\":\"c/d\",\"Action\":\"pull\"}]}]}\n");
  CHECK(registry.get("/v2/_catalog").body.find(R"("Name":"catalog","Action":"*"})") != std::string::npos);
  CHECK(registry.ask("DELETE", "/v2/a/manifests/x").body.find(R"("Action":"delete"})") != std::string::npos);
  CHECK(registry.ask("OPTIONS", "/v2/_catalog").status == 200);  // browsers send no password with it

  CHECK(registry.get("/v2/", basic("docker", "wrong")).status == 401);
  const std::string right = basic("docker", password.substr(0, password.size() - 1));
  CHECK(registry.get("/v2/", right).status == 200);

  // The file goes while it serves: those who were in it stay.
  REQUIRE(::unlink(registry.folder.path("users").c_str()) == 0);
  CHECK(eventually([&] {
    CHECK(registry.get("/v2/", right).status == 200);
    return registry.said("the users who were in it stay until it is back");
  }));
}

TEST_CASE("TLS is served with the certificate of the file; plain HTTP on its port is told so") {
  const Identity identity = make_identity();
  TemporaryFolder certificates;
  certificates.write("crt", identity.certificate);
  certificates.write("key", identity.key);
  Registry registry({"REGISTRY_HTTP_TLS_CERTIFICATE=" + certificates.path("crt"),
                     "REGISTRY_HTTP_TLS_KEY=" + certificates.path("key")});
  registry.started();
  Wire wire = Wire::to(registry.port, {.tls = true});
  wire.send("POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: reg.test\r\nContent-Length: 0\r\n\r\n");
  CHECK(read_answer(wire).header("Location").starts_with("https://reg.test/v2/"));
  const Answer plain = registry.get("/v2/");
  CHECK(plain.status == 400);
  CHECK(plain.body == "Client sent an HTTP request to an HTTPS server.\n");
}

TEST_CASE("a failing health check answers every request with 503, and the debug listener says which it is") {
  Registry registry({}, std::string(usual) +
                            "http: {addr: '127.0.0.1:PORT', debug: {addr: '127.0.0.1:DEBUG'}}\n"
                            "auth: {htpasswd: {realm: r, path: FOLDER/users}}\n"
                            "health: {file: [{file: FOLDER/down, interval: 10ms}], "
                            "storagedriver: {enabled: true, interval: 10ms, threshold: 2}}\n");
  registry.started();
  CHECK(registry.debug("/debug/health").body == "{}");
  CHECK(registry.debug("/debug/health").header("Content-Type") == "application/json; charset=utf-8");
  CHECK(registry.debug("/debug/vars").status == 404);
  CHECK(registry.debug("/debug/pprof/").status == 404);
  CHECK(registry.debug("/metrics").status == 404);  // nobody wanted them
  CHECK(registry.debug("/v2/").status == 404);

  registry.folder.write("down", "");
  CHECK(eventually([&] { return registry.get("/").status == 503; }));
  const Answer refused = registry.get("/v2/");
  CHECK(refused.status == 503);
  CHECK_FALSE(refused.has("WWW-Authenticate"));
  CHECK(refused.body ==
        "{\"errors\":[{\"code\":\"UNAVAILABLE\",\"message\":\"service unavailable\","
        "\"detail\":\"health check failed: please see /debug/health\"}]}\n");
  const Answer status = registry.debug("/debug/health");
  CHECK(status.status == 503);
  CHECK(status.body == "{\"" + registry.folder.path("down") + "\":\"file exists\"}");
  std::filesystem::remove(registry.folder.path("down"));
  CHECK(eventually([&] { return registry.get("/").status == 200; }));

  std::filesystem::rename(registry.folder.path("data"), registry.folder.path("gone"));
  CHECK(eventually([&] {
    return registry.debug("/debug/health").body == "{\"storagedriver_filesystem\":\"No such file or directory\"}";
  }));
  std::filesystem::rename(registry.folder.path("gone"), registry.folder.path("data"));
  CHECK(eventually([&] { return registry.get("/").status == 200; }));
}

TEST_CASE("Prometheus gets the numbers that dashboards for registry:2 ask for") {
  Registry registry({}, std::string(usual) +
                            "http: {addr: '127.0.0.1:PORT', debug: {addr: '127.0.0.1:DEBUG', "
                            "prometheus: {enabled: true, path: /numbers}}}\n");
  registry.started();
  registry.get("/");
  registry.get("/v2/");
  registry.get("/v2/");
  registry.get("/v2/_catalog");
  registry.ask("POST", "/v2/a/blobs/uploads/");
  registry.get("/v2/a/manifests/none");
  // A request counts when it is over, which is a moment after its client has the answer.
  Answer answer;
  CHECK(eventually([&] {
    answer = registry.debug("/numbers");
    return answer.body.find("in_flight_requests{handler=\"manifest\"} 0\n") != std::string::npos;
  }));
  CHECK(answer.status == 200);
  CHECK(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  const auto has = [&](const std::string& line) {
    CAPTURE(line);
    CAPTURE(answer.body);
    CHECK(('\n' + answer.body).find('\n' + line) != std::string::npos);
  };
  has("# TYPE registry_http_requests_total counter\n");
  has(R"(registry_http_requests_total{code="200",handler="base",method="get"} 2)"
      "\n");
  has(R"(registry_http_requests_total{code="200",handler="catalog",method="get"} 1)"
      "\n");
  has(R"(registry_http_requests_total{code="202",handler="blob_upload",method="post"} 1)"
      "\n");
  has(R"(registry_http_requests_total{code="404",handler="manifest",method="get"} 1)"
      "\n");
  has(R"(registry_http_in_flight_requests{handler="base"} 0)"
      "\n");
  has(R"(registry_http_request_duration_seconds_bucket{handler="base",method="get",le="+Inf"} 2)"
      "\n");
  has(R"(registry_http_request_duration_seconds_count{handler="base",method="get"} 2)"
      "\n");
  has(R"(registry_http_request_size_bytes_bucket{handler="base",le="1.048576e+06"} 2)"
      "\n");
  has(R"(registry_http_response_size_bytes_sum{handler="base"} 4)"
      "\n");
  has(R"(registry_storage_action_seconds_bucket{action="Writer",driver="filesystem",le="0.005"} )");
  has("process_resident_memory_bytes ");
  CHECK(answer.body.find("go_") == std::string::npos);
  CHECK(answer.body.find("blob_upload_chunk\",method") == std::string::npos);  // never used, so no series
}

TEST_CASE("with a drain time TERM lets a request end that is under way, and without one it does not") {
  for (const bool drains : {true, false}) {
    CAPTURE(drains);
    Registry registry(drains ? std::vector<std::string>{"REGISTRY_HTTP_DRAINTIMEOUT=30s"} : std::vector<std::string>{});
    registry.started();
    const std::string location = registry.ask("POST", "/v2/a/blobs/uploads/").header("Location");
    const std::string path = location.substr(std::string("http://reg.test:5000").size());
    Connection client(registry.port);
    const std::string most(4 << 20, 'x');
    client.send("PATCH " + path + " HTTP/1.1\r\nHost: reg.test:5000\r\nContent-Length: " +
                std::to_string(most.size() + 5) + "\r\n\r\n" + most);
    const std::string data =
        "data/registry/docker/registry/v2/repositories/a/_uploads/" + path.substr(path.rfind('/') + 1) + "/data";
    const auto under_way = [&] {
      std::error_code none;
      return std::filesystem::file_size(registry.folder.path(data), none) > 0;
    };
    REQUIRE(eventually(under_way));
    registry.process->signal(SIGTERM);
    REQUIRE(eventually([&] { return Connection::refused(registry.port); }));
    if (drains) {
      client.send("67890");
      CHECK(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 202 "));
    } else {
      CHECK(client.read_to_end() == "");
    }
    CHECK(registry.process->wait() == 0);
  }
}

TEST_CASE("HUP takes the file up anew; one that is broken changes nothing and says why") {
  Registry registry({}, std::string(usual) + "http: {addr: '127.0.0.1:PORT'}\n");
  registry.started();
  const std::string base = std::string(usual) + "http: {addr: '127.0.0.1:PORT'";
  registry.folder.write("config.yml", registry.filled(base + ", headers: {X-New: [yes-it-is]}}\n"));
  registry.process->signal(SIGHUP);
  CHECK(eventually([&] { return registry.get("/v2/").header("X-New") == "yes-it-is"; }));
  registry.folder.write("config.yml", registry.filled(base + ", net: udp}\n"));
  registry.process->signal(SIGHUP);
  CHECK(eventually([&] { return registry.said("\\\"http.net\\\" is tcp or unix, not \\\"udp\\\" in "); }));
  CHECK(registry.get("/v2/").header("X-New") == "yes-it-is");
}

TEST_CASE("a unix socket serves") {
  TemporaryFolder folder;
  const std::string path = folder.path("r.sock");
  Process process({binary(), "registry", "serve"},
                  {"REGISTRY_HTTP_NET=unix", "REGISTRY_HTTP_ADDR=" + path,
                   "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=" + folder.path("data")});
  REQUIRE(eventually([&] { return process.errors().find("listening on") != std::string::npos; }));
  caisson::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  Wire wire(std::move(socket));
  wire.send(get_request("/v2/"));
  CHECK(read_answer(wire).status == 200);
  process.signal(SIGTERM);
  CHECK(process.wait() == 0);
}

TEST_CASE("the log has the form that was asked for, from its first line on") {
  Registry registry({"REGISTRY_LOG_FORMATTER=json", "REGISTRY_LOG_FIELDS_ZONE=a", "REGISTRY_FOO=1",
                     "REGISTRY_LOG_ACCESSLOG_DISABLED=true"});
  registry.started();
  CHECK(registry.get("/v2/").status == 200);
  const std::string log = registry.process->errors();
  CHECK(log.starts_with("{\"level\":\"warning\",\"msg\":\"environment variable REGISTRY_FOO stands for no known key"));
  CHECK(log.find("\"service\":\"registry\",\"time\":\"20") != std::string::npos);
  CHECK(log.find("\"zone\":\"a\"}") != std::string::npos);
  CHECK(registry.process->output() == "");
}

TEST_CASE("a configuration that cannot be served ends the start with 1, and all that is wrong") {
  TemporaryFolder folder;
  const std::string file =
      folder.write("config.yml", "version: 0.1\nstorage: {s3: {bucket: b}}\nhttp: {addr: '5000'}\n");
  const Ended ended = run({binary(), "registry", "serve", file});
  CHECK(ended.status == 1);
  CHECK(ended.errors.find("\"storage.s3\" is not supported in " + file + ":2") != std::string::npos);
  CHECK(ended.errors.find("\"http.addr\" has no port in \"5000\" in " + file + ":3") != std::string::npos);
  CHECK(run({binary(), "registry", "serve", folder.path("none.yml")}).errors.find("No such file") != std::string::npos);
  const Ended named = run({binary(), "registry", "serve"}, {"REGISTRY_CONFIGURATION_PATH=" + file});
  CHECK(named.errors.find(file + ":2") != std::string::npos);
}

TEST_CASE("-t reads the configuration and ends") {
  TemporaryFolder folder;
  const std::string file =
      folder.write("config.yml", "version: 0.1\nstorage: {filesystem: {rootdirectory: " + folder.path("data") +
                                     "}}\nhttp: {addr: '127.0.0.1:" + std::to_string(free_port()) + "'}\n");
  const Ended ended = run({binary(), "registry", "serve", "-t", file});
  CHECK(ended.status == 0);
  CHECK(ended.errors.find("test is successful") != std::string::npos);
}

TEST_CASE("called as registry or docker-registry it has registry:2's command line") {
  TemporaryFolder folder;
  for (const std::string name : {"registry", "docker-registry"}) {
    std::filesystem::create_symlink(binary(), folder.path(name));
    const Ended version = run({folder.path(name), "--version"});
    CHECK(version.status == 0);
    CHECK(version.output.starts_with("registry github.com/docker/distribution 2.8."));
    const Ended collection = run({folder.path(name), "garbage-collect", "/x"});
    CHECK(collection.status == 1);
    CHECK(collection.errors.find("configuration error") != std::string::npos);
    CHECK(run({folder.path(name), "help"}).output.find("registry serve [CONFIG.yml]") != std::string::npos);
    CHECK(run({folder.path(name), "serv"}).errors.find("unknown command \"serv\"") != std::string::npos);
  }
  CHECK(run({binary(), "registry", "-v"}).output.find("caisson/") != std::string::npos);
}
