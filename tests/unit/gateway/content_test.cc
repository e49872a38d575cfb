#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <regex>

#include "base/handle.h"
#include "unit/gateway/gate_harness.h"
#include "unit/temporary_folder.h"

using gate_test::Gate;
using gate_test::Response;
using namespace caisson;

TEST_CASE("a rewrite to the same URI looks for a location again, and ten times are enough") {
  Gate gate("server { location /loop { rewrite ^ /loop; } location /stay { rewrite ^ /x; break; return 200 no; } }");
  CHECK(gate.status("/loop") == 500);
  CHECK(gate.status("/stay") == 404);  // `break` keeps the location, whose file is not there
}

TEST_CASE("a bare return below 400 is an empty answer of that status, also in the place of an error") {
  Gate gate(R"(server {
    location /empty { return 200; }
    location /none { return 204; }
    location /status { return 200 "$status"; }
    location /page { error_page 404 =200 @page; return 404; }
    location @page { return 204; }
    location /moved { return 301; }
  })");
  const Response empty = gate.ask({"GET", "/empty"});
  CHECK(empty.header("Content-Type") == "text/plain");
  CHECK(empty.header("Content-Length") == "0");
  const Response none = gate.ask({"GET", "/none"});
  CHECK(none.head.status == 204);
  CHECK(none.header("Content-Type") == "(none)");
  CHECK(none.header("Content-Length") == "(none)");
  CHECK(gate.get("/status") == "200");
  const Response page = gate.ask({"GET", "/page"});
  CHECK(page.head.status == 200);
  CHECK(page.header("Content-Length") == "0");
  CHECK(gate.ask({"GET", "/moved"}).header("Location").empty());
}

TEST_CASE("an answer of the configuration's own fails what asks for a date or an entity tag") {
  Gate gate("server { location / { return 200 text; } }");
  CHECK(gate.ask({"GET", "/", {{"If-Unmodified-Since", "Sun, 13 Sep 2020 12:26:40 GMT"}}}).head.status == 412);
  CHECK(gate.ask({"GET", "/", {{"If-Match", "\"x\""}}}).head.status == 412);
  CHECK(gate.ask({"GET", "/", {{"If-None-Match", "\"x\""}}}).head.status == 200);
}

TEST_CASE("a redirect's page has no charset, other pages have") {
  Gate gate("charset utf-8; server { location /r { return 301 /x; } location /n { return 404; } }");
  CHECK(gate.ask({"GET", "/r"}).header("Content-Type") == "text/html");
  CHECK(gate.ask({"GET", "/n"}).header("Content-Type") == "text/html; charset=utf-8");
}

TEST_CASE("Chrome's and Internet Explorer's error pages are padded, unless msie_padding is off") {
  Gate gate("server { location / { return 404; } location /off { msie_padding off; return 404; } }");
  const auto padded = [&](const char* target, const char* agent) {
    return gate.ask({"GET", target, {{"User-Agent", agent}}}).body.find("a padding to disable") != std::string::npos;
  };
  CHECK(padded("/", "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko) Chrome/90.0"));
  CHECK(padded("/", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1)"));
  CHECK_FALSE(padded("/off", "Mozilla/4.0 (compatible; MSIE 8.0; Windows NT 5.1)"));
  CHECK_FALSE(padded("/", "docker/20.10"));
}

TEST_CASE("more_set_headers replaces, more_clear_headers takes away, by status and type") {
  Gate gate(R"(
    more_set_headers "X-All: $uri" "Server: mine";
    server {
      location / { more_set_headers -s "404 500" "X-Error: yes"; more_clear_headers "X-Drop*"; return 200 text; }
      location /e { more_set_headers -s 404 "X-Error: yes"; return 404; }
      location /t { more_set_headers -t text/html "X-Html: yes"; return 200 text; }
      location /in { more_set_input_headers "X-In: set"; more_clear_input_headers Cookie; try_files /none @in; }
      location @in { return 200 "$http_x_in|$http_cookie"; }
    })");
  const Response answer = gate.ask({"GET", "/a"});
  CHECK(answer.header("X-All") == "/a");
  CHECK(answer.header("Server") == "mine");
  CHECK(answer.header("X-Error") == "(none)");
  CHECK(gate.ask({"GET", "/e"}).header("X-Error") == "yes");
  CHECK(gate.ask({"GET", "/t"}).header("X-Html") == "(none)");
  CHECK(gate.ask({"GET", "/in", {{"Cookie", "a=b"}}}).body == "set|");
}

TEST_CASE("add_header may add a second Server, and replaces Last-Modified") {
  Gate gate(R"(server { location / { add_header Server mine; add_header Last-Modified never; return 200 text; } })");
  const Response answer = gate.ask({"GET", "/"});
  CHECK(answer.head.headers.count("Server") == 2);
  CHECK(answer.header("Last-Modified") == "never");
}

TEST_CASE("a map may not say twice what it means") {
  CHECK(Gate("map $uri $a { default 1; default 2; }").errors.find("duplicate default map parameter") !=
        std::string::npos);
  CHECK(Gate("map $uri $a { x 1; X 2; }").errors.find("conflicting parameter \"X\"") != std::string::npos);
  CHECK(Gate("map $uri $a { hostnames; *.x.* 1; }").errors.find("invalid hostname or wildcard") != std::string::npos);
}

TEST_CASE("disable_symlinks keeps links out, up to where it is told to begin") {
  const TemporaryFolder folder;
  folder.write("file", "text");
  std::filesystem::create_symlink("file", folder.path() + "/link");
  std::filesystem::create_directory(folder.path() + "/real");
  folder.write("real/file", "deep");
  std::filesystem::create_symlink("real", folder.path() + "/linked");
  Gate gate("server { root " + folder.path() + R"(;
    location / { disable_symlinks on from=$document_root; }
    location /owner/ { alias )" +
            folder.path() + R"(/; disable_symlinks if_not_owner; }
    location /linked/ { disable_symlinks on from=$document_root/linked; }
    location /off/ { alias )" +
            folder.path() + R"(/; disable_symlinks off; }
    location /if/ { alias )" +
            folder.path() +
            R"(/; disable_symlinks on from=$document_root; if (-f $request_filename) { return 204; } } })");
  CHECK(gate.get("/file") == "text");
  CHECK(gate.status("/link") == 403);
  CHECK(gate.get("/owner/link") == "text");
  CHECK(gate.get("/owner/linked/file") == "deep");
  CHECK(gate.get("/linked/file") == "deep");
  CHECK(gate.get("/off/link") == "text");
  CHECK(gate.status("/none") == 404);
  CHECK(gate.status("/if/file") == 204);
  CHECK(gate.status("/if/link") == 403);  // what is not served is not seen either
}

TEST_CASE("the picture of empty_gif is there for GET, and not modified since 1970") {
  Gate gate("server { location / { empty_gif; } }");
  const Response picture = gate.ask({"GET", "/x"});
  CHECK(picture.body.size() == 43);
  CHECK(picture.header("Content-Type") == "image/gif");
  CHECK(gate.ask({"GET", "/x", {{"If-Modified-Since", picture.header("Last-Modified")}}}).head.status == 304);
  CHECK(gate.ask({"POST", "/x"}).head.status == 405);
}

TEST_CASE("access_log's errors are nginx's") {
  const auto error = [](const std::string& text) { return Gate("server { " + text + " }").errors; };
  CHECK(error("access_log /x combined flush=1s;").find("no buffer is defined for access_log \"/x\"") !=
        std::string::npos);
  CHECK(error("access_log /x$uri combined buffer=1k;").find("buffered logs cannot have variables in name") !=
        std::string::npos);
  CHECK(error("access_log syslog:server=127.0.0.1 combined buffer=1k;").find("logs to syslog cannot be buffered") !=
        std::string::npos);
  CHECK(error("access_log syslog:tag=x;").find("no syslog server specified") != std::string::npos);
  CHECK(error("access_log syslog:server=127.0.0.1,facility=none;").find("unknown syslog facility \"none\"") !=
        std::string::npos);
  CHECK(error("access_log /x combined gzip;").find("compressed logs are not supported") != std::string::npos);
}

TEST_CASE("access_log off holds whatever else stands beside it; a path with variables is a file for each value") {
  const TemporaryFolder folder;
  Gate gate("log_format n escape=none '$uri'; server { root " + folder.path() + "; location /off { access_log off; " +
            "access_log " + folder.path() + "/off-$arg_n n; return 200 x; } location / { access_log " + folder.path() +
            "/log-$arg_n n; return 200 x; } }");
  gate.get("/off?n=a");
  gate.get("/x?n=a");
  gate.get("/y?n=b");
  gate.get("/z?n=/../../c");
  CHECK(folder.text("log-a") == "/x\n");
  CHECK(folder.text("log-b") == "/y\n");
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/off-a"));
}

TEST_CASE("access_log to syslog sends one datagram a request") {
  Fd server(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(server.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  socklen_t size = sizeof address;
  REQUIRE(::getsockname(server.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Gate gate(
      "log_format n escape=none '$uri'; access_log syslog:server=127.0.0.1:" + std::to_string(ntohs(address.sin_port)) +
      ",facility=local0,severity=error,tag=gate,nohostname n;" + "server { location / { return 200 x; } }");
  gate.get("/hello");
  std::array<char, 512> datagram{};
  const ssize_t got = ::recv(server.get(), datagram.data(), datagram.size(), 0);
  REQUIRE(got > 0);
  const std::string message(datagram.data(), static_cast<std::size_t>(got));
  CHECK(message.starts_with("<131>"));
  CHECK(message.ends_with(" gate: /hello"));
}

TEST_CASE("a header stage sees in $sent_http_* what was added before it") {
  Gate gate("server { location / { add_header X-A one; add_header X-B $sent_http_x_a; return 200 text; } }");
  CHECK(gate.ask({"GET", "/"}).header("X-B") == "one");
}

TEST_CASE("a range that is not there keeps what the stages had added to the file's head, and they add once more") {
  const TemporaryFolder folder;
  folder.write("file", "text");
  Gate gate("server { root " + folder.path() +
            "; location / { add_header X-A a; add_header X-B b always; add_header Content-Type second; } }");
  const Response answer = gate.ask({"GET", "/file", {{"Range", "bytes=100-"}}});
  CHECK(answer.head.status == 416);
  CHECK(answer.header("Content-Range") == "bytes */4");
  CHECK(answer.header("X-A") == "a");
  CHECK(answer.header("X-B") == "b, b");
  CHECK(answer.header("Content-Type") == "text/html, second");
  CHECK(answer.header("ETag") == "(none)");
}

TEST_CASE("a rewrite leads to internal locations, a client does not get there") {
  Gate gate("server { location /in { internal; return 200 in; } location / { rewrite ^ /in last; } }");
  CHECK(gate.status("/in") == 404);
  CHECK(gate.get("/x") == "in");
}

TEST_CASE("$date_gmt and $date_local have the form of nginx's server-side includes") {
  Gate gate("server { location / { return 200 \"$date_gmt\"; } location /local { return 200 \"$date_local\"; } }");
  const std::string gmt = gate.ask({"GET", "/", {}}).body;
  CHECK(std::regex_match(gmt, std::regex("[A-Z][a-z]+day, \\d\\d-[A-Z][a-z]{2}-\\d{4} \\d\\d:\\d\\d:\\d\\d GMT")));
  const std::string local = gate.ask({"GET", "/local", {}}).body;
  CHECK(std::regex_match(local, std::regex("[A-Z][a-z]+day, \\d\\d-[A-Z][a-z]{2}-\\d{4} \\d\\d:\\d\\d:\\d\\d \\S+")));
}
