#include "auth/hash_scheme.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

using namespace caisson;
using auth::StoredHash;

namespace {

struct Vector {
  std::string_view made_by;
  std::string_view scheme;
  std::string_view text;
};

// All of the password "secret pw".
constexpr Vector vectors[] = {
    {"htpasswd -c", "apr1", "$apr1$wru7qoU9$zARz9JZiP7nstYIBSrMfu1"},
    {"htpasswd -B", "bcrypt", "$2y$05$oMfoFq6u2S6I/WiFv3qJLO8kTUNIuMGmPS34uJSvVkUplvyBMP8na"},
    {"htpasswd -B -C 4", "bcrypt", "$2y$04$.ZChi1J/SLOKd51oQTYcMOlba1AChej.oDZLg5mjAkZXBAg38K8dW"},
    {"htpasswd -s", "SHA-1", "{SHA}rS7uKHTXnyVCt9RR2Lh+fJ2k/DM="},
    {"htpasswd -p", "bare password", "secret pw"},
    {"htpasswd -d", "DES crypt", "7H8ZfjMV0xVUU"},
    {"htpasswd -2", "sha256-crypt", "$5$47Zb.eNCqHfC.RlZ$/XsEnz.BciAtdwM2M6t5owdPFoVRwX34ZzzX/WSWWFD"},
    {"htpasswd -5", "sha512-crypt",
     "$6$7QcSosEBazmtuI0q$3z0IKPrN5zt94LVTL0Zn8XWiT36A3KcZPJ3AxjFpRZrssJyTANtrq.vQvLHIH8Syid0d3GowJb9ESigsMlmrV/"},
    {"htpasswd -5 -r 1000", "sha512-crypt",
     "$6$rounds=1000$98QpFzGsl8yJumLg$a1f/hl1V1/xo6j/lLZPVs4ZKTTrhwRR89KJJo3PkFAFhcU/"
     "vABNGWGXEMv41ziYbzChlOz7BH.zvzJ50rqsfg/"},
    {"openssl passwd -apr1", "apr1", "$apr1$ECqbbChf$FHPdRzlg9XlnpqVEDq7As/"},
    {"openssl passwd -1", "md5-crypt", "$1$CeNvQDeU$ANSAnyF/nFw4p4adcrv6w/"},
    {"openssl passwd -5", "sha256-crypt", "$5$W9PvCEohfnt283cT$hWFfAHaPKdmtYUSAD3HoTM/XRzaUhaZBJ1EDYRGphqA"},
    {"openssl passwd -6", "sha512-crypt",
     "$6$MUcyMbleWZrK639Z$sRRSQH65yHvBUsey80ILNsfEbi.gqgCiVe.wSBoLESta/UWI1ZmvZMW9egI0Qbyi.fVy5m38GrnqmuLCk2bIW."},
    {"crypt(3)", "bcrypt", "$2a$04$abcdefghijklmnopqrstuut3SiWq0xNbo00xCcT01KYw9GMF013cq"},
    {"crypt(3)", "bcrypt", "$2b$04$abcdefghijklmnopqrstuut3SiWq0xNbo00xCcT01KYw9GMF013cq"},
    {"crypt(3)", "yescrypt", "$y$j75$abcdefghijklmnop$x8tXJxCLOY0CWyFz1VTGMivs8vOJ.HzIEEkgC3KHNg/"},
    {"crypt(3)", "gost-yescrypt", "$gy$j75$abcdefghijklmnop$BvIYaRw3UM1Z5EV/nGokMH7M4/YuzujALNl5VT0Tn5D"},
    {"crypt(3)", "scrypt", "$7$8U..../....abcdefgh$6NyokBrOl5g/E.EHFr/gGVYEuoiHBXPyMxyf3MwhOj0"},
    {"crypt(3), empty salt", "sha512-crypt",
     "$6$$mwsdyOO68tRP0Aps5vRupMCT8Ef5deRiE5XzfO4OTyJdezcDvvBqLhSCcGprbQc8320yML2UKipg/kqIcj/O.0"},
    {"argon2_hash", "argon2d", "$argon2d$v=19$m=64,t=2,p=2$c29tZXNhbHQ$qRCGvyFPmMAcC5EpAadsqcuGSa5BFsGW6RQ+FExNoRc"},
    {"argon2_hash", "argon2i", "$argon2i$v=19$m=64,t=2,p=2$c29tZXNhbHQ$5b7E0ssq1ceEjoaFV3TGyyA1lPpqdF/LI0eUAsXke6Q"},
    {"argon2_hash", "argon2id", "$argon2id$v=19$m=64,t=2,p=2$c29tZXNhbHQ$E42S2YV5lFcUHxkvNq++cgnyirWaKLp6UP/VoJIYgzo"},
    {"argon2_hash, version 1.0", "argon2i",
     "$argon2i$v=16$m=64,t=1,p=1$c29tZXNhbHQ$fUAHRLMy/qLmP0IkWIDhGhtPouGfpl4BZjO6FOUC4fM"},
    {"argon2_hash, version 1.0 as it was written then", "argon2i",
     "$argon2i$m=64,t=1,p=1$c29tZXNhbHQ$fUAHRLMy/qLmP0IkWIDhGhtPouGfpl4BZjO6FOUC4fM"},
    {"argon2_hash, usual parameters", "argon2id",
     "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$KrH4INWokiWtIYJiozE4sdDk5P18Qz9OpD90FO4ksGs"},
    {"slappasswd's form", "salted SHA-1", "{SSHA}2ztNmneF6YMIbEotzWPgqRWychtzYWx0c2FsdA=="},
    {"by hand, for nginx", "plain", "{PLAIN}secret pw"},
};

StoredHash parsed(std::string_view text) {
  auto hash = StoredHash::parse(text);
  REQUIRE_MESSAGE(hash.ok(), hash.error().what);
  return std::move(hash).value();
}

std::string refusal(std::string_view text) {
  const auto hash = StoredHash::parse(text);
  return hash.ok() ? "" : hash.error().what;
}

}  // namespace

TEST_CASE("hashes as the usual programs write them let in their password and no other") {
  for (const Vector& vector : vectors) {
    CAPTURE(vector.made_by);
    const StoredHash hash = parsed(vector.text);
    CHECK(hash.scheme() == vector.scheme);
    CHECK(hash.matches("secret pw"));
    CHECK_FALSE(hash.matches("Secret pw"));
    CHECK_FALSE(hash.matches(""));
    if (!hash.is_bare_password()) CHECK_FALSE(hash.matches(vector.text));
    if (vector.scheme != "DES crypt") CHECK_FALSE(hash.matches("secret pw "));
  }
}

TEST_CASE("a NUL does not end a password early") {
  for (const Vector& vector : vectors) {
    CAPTURE(vector.made_by);
    CHECK_FALSE(parsed(vector.text).matches(std::string_view("secret pw\0tail", 14)));
  }
}

TEST_CASE("apr1 agrees with openssl at the lengths where its loops change") {
  CHECK(parsed("$apr1$saltsalt$a8ml/vK5HEjiZ5oypDWA7/").matches(""));
  CHECK(parsed("$apr1$saltsalt$OEnK0QmmvoDzFw9W2yFYT/").matches("a"));
  CHECK(parsed("$apr1$saltsalt$Iet1VPyd4ov.jQfv8YHGj0").matches("1234567890123456"));
  CHECK(parsed("$apr1$saltsalt$tWs8S8GwRbxrV.skAayyv/").matches("12345678901234567890123456789012345"));
  CHECK(parsed("$apr1$saltsalt$i5XfNxJNeh2E8ljXycZFm0").matches("p\xc3\xa4ssw\xc3\xb6rd"));
  CHECK(parsed("$apr1$x$12YdXEY0/hH4rDNkmZupO0").matches("secret"));
}

TEST_CASE("a hash that is cut off or altered is refused, never taken for a password in clear") {
  for (const Vector& vector : vectors) {
    if (vector.scheme == "bare password" || vector.scheme == "plain" || vector.scheme == "DES crypt") continue;
    CAPTURE(vector.made_by);
    // {SSHA} with a shorter salt, and Argon2 with a shorter tag, are still whole.
    if (vector.scheme != "salted SHA-1" && !vector.scheme.starts_with("argon2")) {
      CHECK_FALSE(StoredHash::parse(vector.text.substr(0, vector.text.size() - 2)).ok());
    }
    std::string spoilt(vector.text);
    spoilt[spoilt.size() - 5] = '!';
    CHECK_FALSE(StoredHash::parse(spoilt).ok());
    CHECK_FALSE(StoredHash::parse(std::string(vector.text) + ' ').ok());
    CHECK_FALSE(StoredHash::parse(' ' + std::string(vector.text)).ok());
    for (std::size_t size = 1; size < vector.text.size(); ++size) {
      const auto part = StoredHash::parse(vector.text.substr(0, size));
      if (part.ok()) CHECK_FALSE(part.value().is_bare_password());
    }
  }
}

TEST_CASE("what must not become a password in clear") {
  for (const std::string_view text :
       {"", " ", "*", "!", "!!", "x", "*LK*", "!$6$salt$hash", "$9$unknown$hash", "{MD5}abc", "{CRYPT}abc",
        "$3$$8846f7eaee8fb117ad06bdd830b7586c", "_J9..K0AytnJScbjLFmQ", "$APR1$x$12YdXEY0/hH4rDNkmZupO0",
        "$$2y$$05$$oMfoFq6u2S6I", "$2x$04$abcdefghijklmnopqrstuut3SiWq0xNbo00xCcT01KYw9GMF013cq"}) {
    CAPTURE(text);
    CHECK_FALSE(StoredHash::parse(text).ok());
  }
  CHECK_FALSE(StoredHash::parse(std::string_view("a\0b", 3)).ok());
}

TEST_CASE("the usual slips get a reason of their own") {
  CHECK(refusal("") == "there is no hash behind the colon");
  CHECK(refusal("$$apr1$$x$$12YdXEY0/hH4rDNkmZupO0") ==
        "each \"$\" of its hash is doubled, as Compose files want it but this file does not");
  CHECK(refusal(" $1$CeNvQDeU$ANSAnyF/nFw4p4adcrv6w/") == "there is a space before or behind its hash");
  CHECK(refusal("$1$CeNvQDeU$ANSAnyF/nFw4p4adcrv6w/ ") == "there is a space before or behind its hash");
  CHECK(refusal("!$1$x") == "its hash begins with \"*\" or \"!\", which locks it");
}

TEST_CASE("13 characters are a DES hash only when DES can have made them") {
  CHECK(parsed("7H8ZfjMV0xVUU").scheme() == "DES crypt");
  CHECK(parsed("7H8ZfjMV0xVUV").scheme() == "bare password");
  CHECK(parsed("7H8ZfjMV0xVU-").scheme() == "bare password");
}

TEST_CASE("a hash whose check would take too long or too much memory is refused") {
  const std::string bcrypt = "$2y$17$oMfoFq6u2S6I/WiFv3qJLO8kTUNIuMGmPS34uJSvVkUplvyBMP8na";
  CHECK(refusal(bcrypt) == "checking its bcrypt hash would take too long (cost over 16)");
  CHECK(refusal("$5$rounds=5000001$W9PvCEohfnt283cT$hWFfAHaPKdmtYUSAD3HoTM/XRzaUhaZBJ1EDYRGphqA") ==
        "checking its sha256-crypt hash would take too long (rounds over 5000000)");
  // N = 2^18, r = 32: 1 GiB
  CHECK(refusal("$y$jFT$abcdefghijklmnop$x8tXJxCLOY0CWyFz1VTGMivs8vOJ.HzIEEkgC3KHNg/") ==
        "checking its yescrypt hash would take more than 256 MiB of memory");
  CHECK(refusal("$7$GU..../....abcdefgh$6NyokBrOl5g/E.EHFr/gGVYEuoiHBXPyMxyf3MwhOj0") ==
        "checking its scrypt hash would take more than 256 MiB of memory");
  // p = 2^29 + 1
  CHECK(refusal("$7$8U..../...UabcdefghX$6NyokBrOl5g/E.EHFr/gGVYEuoiHBXPyMxyf3MwhOj0")
            .starts_with("checking its scrypt hash would take too long (N * r * p over"));
  const auto argon2 = [](std::string_view parameters) {
    return "$argon2id$v=19$" + std::string(parameters) + "$c29tZXNhbHQ$E42S2YV5lFcUHxkvNq++cgnyirWaKLp6UP/VoJIYgzo";
  };
  CHECK(StoredHash::parse(argon2("m=262144,t=16,p=1")).ok());
  CHECK_FALSE(StoredHash::parse(argon2("m=262145,t=1,p=1")).ok());
  CHECK_FALSE(StoredHash::parse(argon2("m=262144,t=17,p=1")).ok());
  CHECK_FALSE(StoredHash::parse(argon2("m=4294967296,t=1,p=1")).ok());
  CHECK_FALSE(StoredHash::parse(argon2("m=64,t=1,p=9")).ok());  // less than 8 KiB a lane
}

TEST_CASE("memory is known before anything is computed") {
  CHECK(parsed("$y$j9T$abcdefghijklmnop$x8tXJxCLOY0CWyFz1VTGMivs8vOJ.HzIEEkgC3KHNg/").memory() == 16U << 20);
  CHECK(parsed("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$KrH4INWokiWtIYJiozE4sdDk5P18Qz9OpD90FO4ksGs")
            .memory() == 64U << 20);
  CHECK(parsed("$7$8U..../....abcdefgh$6NyokBrOl5g/E.EHFr/gGVYEuoiHBXPyMxyf3MwhOj0").memory() == 4U << 20);
}

TEST_CASE("hashes of equal parameters share a cost class, others do not") {
  const auto cost = [](std::string_view text) { return parsed(text).cost_class(); };
  CHECK(cost("$2a$04$abcdefghijklmnopqrstuut3SiWq0xNbo00xCcT01KYw9GMF013cq") ==
        cost("$2y$04$.ZChi1J/SLOKd51oQTYcMOlba1AChej.oDZLg5mjAkZXBAg38K8dW"));
  CHECK(cost("$2a$05$abcdefghijklmnopqrstuut3SiWq0xNbo00xCcT01KYw9GMF013cq") !=
        cost("$2y$04$.ZChi1J/SLOKd51oQTYcMOlba1AChej.oDZLg5mjAkZXBAg38K8dW"));
  CHECK(cost("$5$W9PvCEohfnt283cT$hWFfAHaPKdmtYUSAD3HoTM/XRzaUhaZBJ1EDYRGphqA") ==
        cost("$5$rounds=5000$W9PvCEohfnt283cT$hWFfAHaPKdmtYUSAD3HoTM/XRzaUhaZBJ1EDYRGphqA"));
}
