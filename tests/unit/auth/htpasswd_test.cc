#include "auth/htpasswd.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>

using namespace caisson;
using auth::Htpasswd;

namespace {

Htpasswd parsed(std::string_view text) { return Htpasswd::parse(text, "conf/users"); }

bool lets_in(const Htpasswd& file, std::string_view user, std::string_view password) {
  const auth::StoredHash* hash = file.find(user);
  return hash != nullptr && hash->matches(password);
}

}  // namespace

// The expectations are what Debian's nginx 1.22 answered to the same file.
TEST_CASE("lines are read as nginx reads them") {
  const Htpasswd file = parsed(
      "# comment:{PLAIN}x\n"
      "\n"
      "comment:{PLAIN}a:whatever: else\n"
      "dup:{PLAIN}one\n"
      "dup:{PLAIN}two\n"
      " lead:{PLAIN}a\n"
      "emptyplain:{PLAIN}\n"
      "crlf:{PLAIN}a\r\n"
      "cr:{PLAIN}b\rmore\n"
      "\r\n"
      "#hash:{PLAIN}x\n"
      "spaces:{PLAIN} a b \n"
      "last:{PLAIN}z");
  CHECK(lets_in(file, "comment", "a"));
  CHECK_FALSE(lets_in(file, "# comment", "x"));
  CHECK_FALSE(lets_in(file, "#hash", "x"));
  CHECK(lets_in(file, "dup", "one"));
  CHECK_FALSE(lets_in(file, "dup", "two"));
  CHECK(lets_in(file, " lead", "a"));
  CHECK_FALSE(lets_in(file, "lead", "a"));
  CHECK(lets_in(file, "emptyplain", ""));
  CHECK(lets_in(file, "crlf", "a"));
  CHECK(lets_in(file, "cr", "b"));
  CHECK(lets_in(file, "spaces", " a b "));
  CHECK(lets_in(file, "last", "z"));
  CHECK(file.users() == 8);
  CHECK(file.find("") == nullptr);
  CHECK(file.find("comment:") == nullptr);
}

TEST_CASE("the tutorial's line with a space instead of a colon is reported with file, line and the mending command") {
  const Htpasswd file = parsed("good:{SHA}rS7uKHTXnyVCt9RR2Lh+fJ2k/DM=\ntestuser test123\n");
  REQUIRE(file.warnings().size() == 1);
  CHECK(
      file.warnings()[0].text() ==
      "no colon between user and hash, nobody can log in with this line in conf/users:2 (make the line with: htpasswd "
      "-nbB USER PASSWORD)");
  CHECK_FALSE(lets_in(file, "testuser", "test123"));
  CHECK_FALSE(lets_in(file, "testuser test123", ""));
  CHECK(lets_in(file, "good", "secret pw"));
}

TEST_CASE("a user who cannot log in is named with the reason") {
  const Htpasswd file = parsed("a:$9$x\nbob:$2y$05$tooshort\n\n:{PLAIN}x\nlocked:!\n");
  REQUIRE(file.warnings().size() == 4);
  CHECK(file.warnings()[1].text() ==
        "user \"bob\" cannot log in: its bcrypt hash is damaged (cut off, or with characters that do not belong there) "
        "in "
        "conf/users:2 (make the line with: htpasswd -nbB USER PASSWORD)");
  CHECK(file.warnings()[2].message.starts_with("no user before the colon"));
  CHECK(file.warnings()[3].at.line == 5);
  CHECK(file.users() == 0);
  CHECK(file.decoy() == nullptr);
}

TEST_CASE("a line as htpasswd -p writes it works, with a warning") {
  const Htpasswd file = parsed("bob:secret pw\n");
  CHECK(lets_in(file, "bob", "secret pw"));
  REQUIRE(file.warnings().size() == 1);
  CHECK(file.warnings()[0].text().starts_with("user \"bob\": its password stands in clear in conf/users:1 ("));
}

TEST_CASE("a password in clear with a colon is not cut short at it") {
  const Htpasswd file = parsed("bob:pa:ss\n");
  CHECK(file.find("bob") == nullptr);
  REQUIRE(file.warnings().size() == 1);
}

TEST_CASE("a first line that cannot log in hides a later one that could, as in nginx") {
  const Htpasswd file = parsed("bob:\nbob:{PLAIN}x\n");
  CHECK(file.find("bob") == nullptr);
  CHECK(file.mentions("bob"));
  CHECK_FALSE(file.mentions("eve"));
  REQUIRE(file.warnings().size() == 2);
  CHECK(file.warnings()[1].text() == "user \"bob\" has a line already (line 1), this one never counts in conf/users:2");
}

TEST_CASE("files that editors of other systems write") {
  CHECK(parsed("\xff\xfe"
               "b\0o\0b\0")
            .warnings()
            .at(0)
            .message.find("UTF-16") != std::string::npos);
  const Htpasswd file = parsed(
      "\xef\xbb\xbf"
      "bob:{PLAIN}x\r\n");
  CHECK(lets_in(file, "bob", "x"));
  CHECK(file.warnings().at(0).message.find("byte order mark") != std::string::npos);
}

TEST_CASE("no warning holds a password, a hash or a control character") {
  const std::string marker = "MARKER";
  std::string text;
  for (const std::string_view line : {"u1 MARKER", "u2:MARKER", "u3:{PLAIN}MARKER", "u4:$2y$MARKER", "u5:*MARKER",
                                      "u6:$argon2id$MARKER", "u7:MARKER:x", "u8: $MARKER", "u9:{SHA}MARKER", ":MARKER",
                                      "u10:$6$rounds=MARKER", "u10:MARKER", "u\n11:$7$MARKER", "u\x1b[1m:{MARKER}"}) {
    text += line;
    text += '\n';
  }
  const Htpasswd file = parsed(text);
  CHECK(file.warnings().size() >= 14);
  for (const Htpasswd::Warning& made : file.warnings()) {
    const std::string warning = made.text();
    CAPTURE(warning);
    CHECK(warning.find(marker) == std::string::npos);
    CHECK(std::all_of(warning.begin(), warning.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x20; }));
  }
}

TEST_CASE("a file that is none does not flood the log") {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "no colon here\n";
  const Htpasswd file = parsed(text);
  CHECK(file.warnings().size() == 50);
  CHECK(file.warnings().back().text() ==
        "951 more such lines, the last one in conf/users:1000 (make the line with: htpasswd -nbB USER PASSWORD)");
}

TEST_CASE("the decoy is of the most common scheme and parameters") {
  const std::string five = "$2y$05$oMfoFq6u2S6I/WiFv3qJLO8kTUNIuMGmPS34uJSvVkUplvyBMP8na";
  const std::string four = "$2y$04$.ZChi1J/SLOKd51oQTYcMOlba1AChej.oDZLg5mjAkZXBAg38K8dW";
  const Htpasswd file = parsed("a:" + four + "\nb:" + five + "\nc:{PLAIN}x\nd:" + five + "\ne:bad:line\n");
  REQUIRE(file.decoy() != nullptr);
  CHECK(file.decoy()->text() == five);
}

TEST_CASE("a moved file still has its decoy and users") {
  Htpasswd first = parsed("bob:{PLAIN}x\n");
  const Htpasswd second = std::move(first);
  REQUIRE(second.decoy() != nullptr);
  CHECK(second.decoy()->matches("x"));
  CHECK(lets_in(second, "bob", "x"));
}

// A slow, literal reading of nginx's rules to compare with: for one user, the first line `user:` decides. (nginx's own
// loop also skips the line behind a line without a colon that the user's name begins with; that slip is not copied.)
namespace {

std::optional<std::string> field_as_nginx_reads(std::string_view text, std::string_view user) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty() || line[0] == '#' || line[0] == '\r') continue;
    if (line.size() <= user.size() || line.substr(0, user.size()) != user || line[user.size()] != ':') continue;
    const std::string_view rest = line.substr(user.size() + 1);
    return std::string(rest.substr(0, rest.find_first_of(":\r")));
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("any bytes at all are read without harm, and as nginx would") {
  std::mt19937 random(20240601);
  constexpr std::string_view pieces[] = {
      "u", "v", ":",   "\n",      "\r", "#",        " ",      "{PLAIN}", "x",   "{SHA}", "$2y$",       "$apr1$",
      "$", "*", "$6$", "rounds=", "\t", "\xc3\xa4", "secret", "$y$j9T$", "$7$", "{}",    "$argon2id$", "m=8,t=1,p=1$"};
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    const std::size_t count = random() % 24;
    for (std::size_t i = 0; i < count; ++i) {
      if (random() % 50 == 0) {
        text += static_cast<char>(random() % 256);
      } else {
        text += pieces[random() % std::size(pieces)];
      }
    }
    if (text.starts_with("\xff\xfe") || text.starts_with("\xfe\xff")) continue;
    const Htpasswd file = parsed(text);
    for (const std::string_view user : {"u", "v", "uv", "x", "u "}) {
      const auth::StoredHash* hash = file.find(user);
      if (hash == nullptr) continue;
      CAPTURE(text);
      CHECK(field_as_nginx_reads(text, user) == hash->text());
    }
  }
}
