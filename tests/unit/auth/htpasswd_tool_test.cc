#include "auth/htpasswd_tool.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include "auth/file_writer.h"
#include "auth/htpasswd.h"
#include "auth/htpasswd_edit.h"
#include "unit/temporary_folder.h"

using namespace caisson;
using auth::Htpasswd;

namespace {

struct Run {
  int status = -1;
  std::string out;
  std::string err;
};

Run run(std::initializer_list<std::string> args, std::string_view typed = {}) {
  const std::vector<std::string> list(args);
  const auto ask = [typed](auth::Asking) -> Result<auth::Secret> { return auth::Secret(typed); };
  std::ostringstream out, err;
  Run done;
  done.status = auth::htpasswd_main(list, ask, out, err);
  done.out = out.str();
  done.err = err.str();
  return done;
}

bool lets_in(std::string_view text, std::string_view user, std::string_view password) {
  const Htpasswd file = Htpasswd::parse(text, "users");
  CHECK(file.warnings().empty());
  const auth::StoredHash* hash = file.find(user);
  return hash != nullptr && hash->matches(password);
}

}  // namespace

TEST_CASE("a line on standard output, with the options that Apache's tutorials use") {
  const Run made = run({"-nbB", "-C", "4", "bob", "secret"});
  CHECK(made.status == 0);
  CHECK(made.out.starts_with("bob:$2y$04$"));
  CHECK(lets_in(made.out, "bob", "secret"));
  CHECK(run({"-nbBC4", "bob", "secret"}).out.starts_with("bob:$2y$04$"));
  CHECK(run({"-nbBC4", "bob", "secret"}).out != run({"-nbBC4", "bob", "secret"}).out);  // salted
  CHECK(lets_in(run({"-niC4", "bob"}, "typed").out, "bob", "typed"));
  CHECK(run({"-nb", "bob", "secret"}).out.starts_with("bob:$2y$10$"));
}

TEST_CASE("a file is made, changed, checked and emptied") {
  const TemporaryFolder folder;
  const std::string path = folder.path("users");
  CHECK(run({"-bC4", path, "bob", "one"}).status == 1);
  CHECK(run({"-cbC4", path, "bob", "one"}).status == 0);
  CHECK(run({"-bC4", path, "eve", "two"}).status == 0);
  CHECK(run({"-bC4", path, "bob", "three"}).status == 0);
  CHECK(lets_in(folder.text("users"), "bob", "three"));
  CHECK(lets_in(folder.text("users"), "eve", "two"));
  CHECK(run({"-v", path, "bob"}, "three").status == 0);
  CHECK(run({"-v", path, "bob"}, "one").status == 3);
  CHECK(run({"-v", path, "nobody"}, "one").status == 6);
  CHECK(run({"-D", path, "bob"}).status == 0);
  CHECK(run({"-D", path, "bob"}).status == 6);
  CHECK(folder.text("users").starts_with("eve:"));
}

TEST_CASE("what could not log in, or not be written, is refused") {
  CHECK(run({"-nbC4", "a:b", "x"}).status == 6);
  CHECK(run({"-nbC4", "#a", "x"}).status == 6);
  CHECK(run({"-nbC4", "", "x"}).status == 6);
  CHECK(run({"-nbC4", "a\nb", "x"}).status == 6);
  CHECK(run({"-nbC4", "bob", ""}).status == 3);
  CHECK(run({"-nbC4", "bob", std::string(73, 'x')}).status == 3);
  CHECK(run({"-nbC4", "bob", std::string(72, 'x')}).status == 0);
  for (const Run& wrong :
       {run({}), run({"bob"}), run({"-nb", "bob"}), run({"-nbC17", "bob", "x"}), run({"-nbC3", "bob", "x"}),
        run({"-nbs", "bob", "x"}), run({"-nbi", "bob", "x"}), run({"-z", "f", "bob"}), run({"-cn", "bob"})}) {
    CHECK(wrong.status == 2);
    CHECK(wrong.err.find("usage:") != std::string::npos);
  }
  CHECK(run({"--help"}).status == 0);
}

TEST_CASE("no message repeats a password") {
  for (const Run& any : {run({"-nb", "a:b", "MARKER"}), run({"-b", "/nonexistent/f", "bob", "MARKER"}),
                         run({"-nbz", "bob", "MARKER"}), run({"-nb", "bob", "MARKER", "more"})}) {
    CHECK(any.status != 0);
    CHECK((any.out + any.err).find("MARKER") == std::string::npos);
  }
}

TEST_CASE("a new user gets a line of its own though the file's last line has no end") {
  CHECK(auth::with_user("x:y", "bob", "h") == "x:y\nbob:h\n");
  CHECK(auth::with_user("", "bob", "h") == "bob:h\n");
}

TEST_CASE("a change leaves all other lines as they were") {
  const std::string text = "# bob:old\r\nbobby:1\r\nbob:old:comment\n\nbob:older\nbob";
  CHECK(auth::with_user(text, "bob", "new") == "# bob:old\r\nbobby:1\r\nbob:new\n\nbob");
  CHECK(auth::without_user(text, "bob") == "# bob:old\r\nbobby:1\r\n\nbob");
  CHECK(auth::without_user(text, "nobody") == text);
}

TEST_CASE("a replaced file keeps its mode and its symbolic link, and leaves nothing beside it") {
  const TemporaryFolder folder;
  const std::string real = folder.path("real");
  const std::string link = folder.path("link");
  std::ofstream(real) << "old";
  REQUIRE(::chmod(real.c_str(), 0640) == 0);
  REQUIRE(::symlink("real", link.c_str()) == 0);
  struct stat before {};
  REQUIRE(::stat(real.c_str(), &before) == 0);
  REQUIRE(auth::replace_file(link, "new").ok());
  CHECK(folder.text("real") == "new");
  struct stat after {};
  REQUIRE(::lstat(link.c_str(), &after) == 0);
  CHECK(S_ISLNK(after.st_mode));
  REQUIRE(::stat(real.c_str(), &after) == 0);
  CHECK((after.st_mode & 07777U) == 0640);
  CHECK(after.st_ino != before.st_ino);
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder.path(""))) ++files;
  CHECK(files == 2);
}
