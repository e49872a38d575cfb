#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/container/entry.h"
#include "app/container/health.h"
#include "unit/temporary_folder.h"

using namespace caisson;
using namespace caisson::app::container;

namespace {

using Words = std::vector<std::string>;

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// A folder with templates and one for what is made of them.
class Folders : public TemplateFolders {
 public:
  Folders() {
    templates = root_.path("templates");
    output = root_.path("conf.d");
    std::filesystem::create_directories(templates);
  }

  void add(const std::string& name, const std::string& text) const {
    const std::filesystem::path path = std::filesystem::path(templates) / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  std::string made(const std::string& name) const { return read(std::filesystem::path(output) / name); }

 private:
  TemporaryFolder root_;
};

}  // namespace

TEST_CASE("names that the environment has are replaced, nginx's own variables stay") {
  const Variables variables{{"HOST", "example.com"}, {"PORT", "5000"}, {"EMPTY", ""}};
  const auto of = [&](std::string_view text) { return substitute(text, variables); };
  CHECK(of("server $HOST:${PORT};") == "server example.com:5000;");
  CHECK(of("proxy_set_header Host $http_host;") == "proxy_set_header Host $http_host;");
  CHECK(of("[$EMPTY][${EMPTY}]") == "[][]");
  CHECK(of("$HOSTNAME ${HOST_} $PORTS") == "$HOSTNAME ${HOST_} $PORTS");
  CHECK(of("${HOST:-x} ${HOST $ $$ $1 $") == "${HOST:-x} ${HOST $ $$ $1 $");
  CHECK(of("$$HOST") == "$example.com");
  CHECK(of("$HOST$HOST") == "example.comexample.com");
}

TEST_CASE("a value is not looked through again") { CHECK(substitute("$A", {{"A", "$B"}, {"B", "no"}}) == "$B"); }

TEST_CASE("each template makes a file without the suffix, in the same folder below the output") {
  Folders folders;
  folders.add("registry.conf.template", "listen $PORT;");
  folders.add("inner/more.conf.template", "x");
  folders.add("notes.txt", "$PORT");
  const auto made = fill_templates(folders, {{"PORT", "443"}});
  REQUIRE(made.ok());
  CHECK(made.value().size() == 2);
  CHECK(folders.made("registry.conf") == "listen 443;");
  CHECK(folders.made("inner/more.conf") == "x");
  CHECK_FALSE(std::filesystem::exists(folders.output + "/notes.txt"));
}

TEST_CASE("the filter says which names are replaced, and a broken one is told") {
  Folders folders;
  folders.filter = "^MY_";
  folders.add("a.template", "$MY_A $OTHER");
  REQUIRE(fill_templates(folders, {{"MY_A", "1"}, {"OTHER", "2"}}).ok());
  CHECK(folders.made("a") == "1 $OTHER");
  folders.filter = "(";
  const auto broken = fill_templates(folders, {});
  REQUIRE_FALSE(broken.ok());
  CHECK(broken.error().what.starts_with("NGINX_ENVSUBST_FILTER: "));
}

TEST_CASE("a template's file that cannot be written is an error") {
  Folders folders;
  folders.add("a.template", "");
  folders.output = "/proc/no/such";
  CHECK_FALSE(fill_templates(folders, {}).ok());
}

TEST_CASE("the environment moves the folders as it does in nginx's image") {
  const auto folders = TemplateFolders::from({{"NGINX_ENVSUBST_TEMPLATE_DIR", "/a"},
                                              {"NGINX_ENVSUBST_TEMPLATE_SUFFIX", ".t"},
                                              {"NGINX_ENVSUBST_OUTPUT_DIR", "/b"},
                                              {"NGINX_ENVSUBST_FILTER", "x"}});
  CHECK(folders.templates == "/a");
  CHECK(folders.suffix == ".t");
  CHECK(folders.output == "/b");
  CHECK(folders.filter == "x");
  CHECK(TemplateFolders::from({}).templates == "/etc/nginx/templates");
}

TEST_CASE("without a command, files for nginx make it nginx, whatever REGISTRY_ variables there are") {
  Mounted mounted;
  mounted.site_files = {"/etc/nginx/conf.d/registry.conf"};
  mounted.registry_variables = {"REGISTRY_HTTP_ADDR"};
  const Place place = choose_place({}, mounted);
  CHECK(place.of == Place::Of::Nginx);
  CHECK(place.command == Words{"nginx", "-g", "daemon off;"});
  CHECK(place.because == "there is /etc/nginx/conf.d/registry.conf; REGISTRY_HTTP_ADDR set nothing there");
}

TEST_CASE("without a command, an nginx.conf that is not the image's makes it nginx") {
  Mounted mounted;
  mounted.own_nginx_conf = true;
  CHECK(choose_place({}, mounted).of == Place::Of::Nginx);
  mounted.site_files = {"/etc/nginx/conf.d/nginx.conf"};  // a copy that nothing includes
  CHECK(choose_place({}, mounted).because == "/etc/nginx/nginx.conf is not the image's");
}

TEST_CASE("without a command and without files for nginx it is registry:2") {
  const Words serve{"registry", "serve", "/etc/docker/registry/config.yml"};
  CHECK(choose_place({}, {}).command == serve);
  Mounted mounted;
  mounted.registry_variables = {"REGISTRY_AUTH"};
  CHECK(choose_place({}, mounted).command == serve);
  CHECK(choose_place({}, mounted).of == Place::Of::Registry);
}

TEST_CASE("what a link to a container called registry sets is no variable of the registry's") {
  const Mounted mounted = Mounted::look({{"REGISTRY_PORT", "tcp://172.17.0.2:5000"},
                                         {"REGISTRY_PORT_5000_TCP_ADDR", "172.17.0.2"},
                                         {"REGISTRY_NAME", "/nginx/registry"},
                                         {"REGISTRY_SERVICE_HOST", "10.0.0.1"},
                                         {"REGISTRY_HTTP_ADDR", ":5000"}});
  CHECK(mounted.registry_variables == Words{"REGISTRY_HTTP_ADDR"});
}

TEST_CASE("a command decides, as the entry points of both images complete it") {
  Mounted mounted;
  mounted.site_files = {"/etc/nginx/conf.d/registry.conf"};
  const auto chosen = [&](Words command) { return choose_place(std::move(command), mounted); };
  CHECK(chosen({"nginx", "-g", "daemon off;"}).of == Place::Of::Nginx);
  CHECK(chosen({"/usr/sbin/nginx", "-t"}).of == Place::Of::Nginx);
  CHECK(chosen({"nginx-debug"}).command == Words{"nginx"});
  CHECK(chosen({"/etc/docker/registry/config.yml"}).command ==
        Words{"registry", "serve", "/etc/docker/registry/config.yml"});
  CHECK(chosen({"serve", "x"}).command == Words{"registry", "serve", "x"});
  CHECK(chosen({"garbage-collect", "x.yml"}).command == Words{"registry", "garbage-collect", "x.yml"});
  CHECK(chosen({"--version"}).command == Words{"registry", "--version"});
  CHECK(chosen({"registry", "serve", "x"}).of == Place::Of::Registry);
  CHECK(chosen({"htpasswd", "-nbB", "a", "b"}).of == Place::Of::Another);
}

TEST_CASE("the listening sockets of a process, out of the kernel's table") {
  const std::string table =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
      "   0: 00000000:01BB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100 0\n"
      "   1: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100 0\n"
      "   2: 0100007F:1388 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100 0\n"
      "   3: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 104 1 0 100 0\n";
  const auto texts = [](const std::vector<net::Address>& addresses) {
    Words all;
    for (const net::Address& address : addresses) all.push_back(address.text());
    return all;
  };
  CHECK(texts(listening(table, {101, 102, 103})) == Words{"0.0.0.0:443", "127.0.0.1:5000"});
  const std::string table6 =
      "   0: 00000000000000000000000000000000:1388 00000000000000000000000000000000:0000 0A 00000000:00000000 "
      "00:00000000 00000000     0        0 201 1 0 100 0\n"
      "   1: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 "
      "00:00000000 00000000     0        0 202 1 0 100 0\n";
  CHECK(texts(listening(table6, {201, 202})) == Words{"[::]:5000", "[::1]:80"});
  CHECK(listening("", {101}).empty());
  CHECK(listening("x\n0: zz 0 0A 0 0 0 0 0 101\n", {101}).empty());
}
