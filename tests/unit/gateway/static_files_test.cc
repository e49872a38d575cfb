#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <utime.h>

#include <filesystem>
#include <fstream>

#include "unit/gateway/gate_harness.h"
#include "unit/temporary_folder.h"

using gate_test::Gate;
using gate_test::Request;
using gate_test::Response;

namespace {

constexpr const char* modified = "Tue, 02 Jan 2024 03:04:05 GMT";
constexpr const char* tag = "\"65937d25-6\"";

struct Folder : TemporaryFolder {
  Folder() {
    write("a.txt", "hello\n");
    write("index.html", "<p>index");
    write("sub/inner.html", "<p>inner");
    std::filesystem::create_directories(path("sp ace"));
    write("secret/key", "secret");
  }

  void write(const std::string& name, const std::string& content) const {
    const std::string file = TemporaryFolder::write(name, content);
    const utimbuf at{1704164645, 1704164645};
    ::utime(file.c_str(), &at);
  }
};

}  // namespace

TEST_CASE("a file is sent with its type, size, time and nginx's entity tag") {
  const Folder folder;
  Gate gate("server { root " + folder.path() + "; types { text/html html; text/plain txt; } }");
  const Response response = gate.ask({"GET", "/a.txt"});
  CHECK(response.head.status == 200);
  CHECK(response.body == "hello\n");
  CHECK(response.finished);
  CHECK(response.header("Content-Type") == "text/plain");
  CHECK(response.header("Content-Length") == "6");
  CHECK(response.header("Last-Modified") == modified);
  CHECK(response.header("ETag") == tag);
  CHECK(response.header("Accept-Ranges") == "bytes");
  const Response head = gate.ask({"HEAD", "/a.txt"});
  CHECK(head.body.empty());
  CHECK(head.header("Content-Length") == "6");
}

TEST_CASE("other methods are 405, what is missing 404, a folder without an index 403 and without a slash 301") {
  const Folder folder;
  Gate gate("server { root " + folder.path() + "; }");
  CHECK(gate.ask({"PUT", "/a.txt"}).head.status == 405);
  CHECK(gate.ask({"DELETE", "/nothing"}).head.status == 405);
  CHECK(gate.ask({"POST", "/a.txt"}).head.status == 405);
  CHECK(gate.status("/nothing") == 404);
  CHECK(gate.status("/nothing/") == 404);
  CHECK(gate.status("/a.txt/x") == 404);
  CHECK(gate.status("/sub/") == 403);
  CHECK(gate.get("/") == "<p>index");
  const Response moved = gate.ask({"GET", "/sp%20ace?x=1"});
  CHECK(moved.head.status == 301);
  CHECK(moved.header("Location") == "http://a.example/sp%20ace/?x=1");
}

TEST_CASE("conditions: the same time or tag is 304, another tag wins, a failed If-Match is 412") {
  const Folder folder;
  Gate gate("server { root " + folder.path() + "; }");
  const auto with = [&](const char* name, const char* value) {
    return gate.ask({"GET", "/a.txt", {{name, value}}}).head.status;
  };
  CHECK(with("If-Modified-Since", modified) == 304);
  CHECK(with("If-Modified-Since", "Tue, 02 Jan 2024 03:04:06 GMT") == 200);  // exact is the default
  CHECK(with("If-None-Match", tag) == 304);
  CHECK(with("If-None-Match", "\"x\", W/\"65937d25-6\"") == 304);
  CHECK(with("If-None-Match", "*") == 304);
  CHECK(with("If-None-Match", "\"x\"") == 200);
  CHECK(with("If-Match", "\"x\"") == 412);
  CHECK(with("If-Match", tag) == 200);
  CHECK(with("If-Unmodified-Since", "Tue, 02 Jan 2024 03:04:04 GMT") == 412);
  const Response both = gate.ask({"GET", "/a.txt", {{"If-Modified-Since", modified}, {"If-None-Match", "\"x\""}}});
  CHECK(both.head.status == 200);
  const Response unchanged = gate.ask({"GET", "/a.txt", {{"If-None-Match", tag}}});
  CHECK(unchanged.body.empty());
  CHECK(unchanged.header("ETag") == tag);
  CHECK(unchanged.header("Content-Length") == "(none)");
}

TEST_CASE("one range is 206, several are multipart, one outside is 416, an If-Range of another state is the whole") {
  const Folder folder;
  Gate gate("server { root " + folder.path() + "; types { text/plain txt; } }");
  const Response one = gate.ask({"GET", "/a.txt", {{"Range", "bytes=1-2"}}});
  CHECK(one.head.status == 206);
  CHECK(one.body == "el");
  CHECK(one.header("Content-Range") == "bytes 1-2/6");
  CHECK(one.header("Content-Length") == "2");

  const Response two = gate.ask({"GET", "/a.txt", {{"Range", "bytes=0-1,3-4"}}});
  CHECK(two.head.status == 206);
  const std::string type = two.header("Content-Type");
  REQUIRE(type.starts_with("multipart/byteranges; boundary="));
  const std::string boundary = type.substr(type.find('=') + 1);
  CHECK(two.body == "\r\n--" + boundary + "\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-1/6\r\n\r\nhe\r\n--" +
                        boundary + "\r\nContent-Type: text/plain\r\nContent-Range: bytes 3-4/6\r\n\r\nlo\r\n--" +
                        boundary + "--\r\n");
  CHECK(two.header("Content-Length") == std::to_string(two.body.size()));

  const Response none = gate.ask({"GET", "/a.txt", {{"Range", "bytes=9-"}}});
  CHECK(none.head.status == 416);
  CHECK(none.header("Content-Range") == "bytes */6");
  CHECK(gate.ask({"GET", "/a.txt", {{"Range", "bytes=1-2"}, {"If-Range", "\"x\""}}}).head.status == 200);
  CHECK(gate.ask({"GET", "/a.txt", {{"Range", "bytes=1-2"}, {"If-Range", tag}}}).head.status == 206);
}

TEST_CASE("an If-Range is compared with what add_header made of the file's tag and date") {
  const Folder folder;
  Gate gate("server { root " + folder.path() +
            "; types { text/plain txt; } add_header ETag '\"mine\"'; "
            "add_header Last-Modified 'Wed, 21 Oct 2015 07:28:00 GMT'; }");
  const auto status = [&](const std::string& if_range) {
    return gate.ask({"GET", "/a.txt", {{"Range", "bytes=1-2"}, {"If-Range", if_range}}}).head.status;
  };
  CHECK(status("\"mine\"") == 206);
  CHECK(status("Wed, 21 Oct 2015 07:28:00 GMT") == 206);
  CHECK(status("\"x\"") == 200);
}

TEST_CASE("an alias takes the location's place, and what climbs out of it is not there") {
  const Folder folder;
  Gate gate("server { location /docs { alias " + folder.path() + "/sub/; } location ~ ^/r(.*)$ { alias " +
            folder.path() + "/sub/$1; } }");
  CHECK(gate.get("/docs/inner.html") == "<p>inner");
  CHECK(gate.get("/r/inner.html") == "<p>inner");
  CHECK(gate.status("/docs../secret/key") == 404);
  CHECK(gate.status("/r../secret/key") == 404);
  CHECK(gate.warnings.find("\"/docs\"") != std::string::npos);
}

TEST_CASE("try_files takes the first file that is there, then the last word, which may be a status or a location") {
  const Folder folder;
  Gate gate("server { root " + folder.path() + R"(;
    location /one { try_files /none.txt /a.txt =404; }
    location /code { try_files /none.txt =418; }
    location /named { try_files $uri @other; }
    location /moved { try_files $uri /return?y=$arg_x; }
    location @other { return 200 "other $uri"; }
    location /return { return 200 "$uri $args"; }
  })");
  CHECK(gate.get("/one") == "hello\n");
  CHECK(gate.status("/code") == 418);
  CHECK(gate.get("/named") == "other /named");
  CHECK(gate.get("/moved?x=5") == "/return y=5");
}

TEST_CASE("an error page may be a file: it keeps the status, or gets the one that error_page names") {
  const Folder folder;
  Gate gate("server { root " + folder.path() + R"(;
    location /kept { error_page 404 /a.txt; return 404; }
    location /given { error_page 404 =200 /a.txt; return 404; }
    location /own { error_page 404 = /a.txt; return 404; }
    location /lost { error_page 500 /none.txt; return 500; }
  })");
  const Response kept = gate.ask({"GET", "/kept", {{"Range", "bytes=0-1"}}});
  CHECK(kept.head.status == 404);
  CHECK(kept.body == "hello\n");
  CHECK(kept.header("Last-Modified") == "(none)");
  CHECK(kept.header("ETag") == tag);
  CHECK(gate.status("/given") == 200);
  CHECK(gate.status("/own") == 200);
  CHECK(gate.status("/lost") == 404);
}

TEST_CASE("error pages that lead to each other end after ten moves, in a 500") {
  Gate gate(R"(server {
    recursive_error_pages on;
    error_page 404 /again;
    location / { return 404; }
  })");
  CHECK(gate.status("/x") == 500);
}

TEST_CASE("autoindex lists folders first, as a page or as JSON") {
  const Folder folder;
  folder.write("list/f&<.txt", "x");
  folder.write("list/d/x", "x");
  folder.write("list/.hidden", "x");
  const utimbuf at{1704164645, 1704164645};
  ::utime((folder.path() + "/list/d").c_str(), &at);
  Gate gate("server { root " + folder.path() + R"(; index none; autoindex on;
    location /json/ { alias )" +
            folder.path() + R"(/list/; autoindex_format json; } })");
  const Response page = gate.ask({"GET", "/list/"});
  CHECK(page.head.status == 200);
  CHECK(page.header("Content-Type") == "text/html");
  CHECK(
      page.body ==
      "<html>\r\n<head><title>Index of /list/</title></head>\r\n<body>\r\n<h1>Index of /list/</h1><hr><pre>"
      "<a href=\"../\">../</a>\r\n"
      "<a href=\"d/\">d/</a>                                                 02-Jan-2024 03:04                   -\r\n"
      "<a href=\"f%26%3C.txt\">f&amp;&lt;.txt</a>                                            02-Jan-2024 03:04"
      "                   1\r\n</pre><hr></body>\r\n</html>\r\n");
  CHECK(gate.get("/json/") ==
        "[\r\n{ \"name\":\"d\", \"type\":\"directory\", \"mtime\":\"Tue, 02 Jan 2024 03:04:05 GMT\" },\r\n"
        "{ \"name\":\"f&<.txt\", \"type\":\"file\", \"mtime\":\"Tue, 02 Jan 2024 03:04:05 GMT\", \"size\":1 }\r\n]");
}
