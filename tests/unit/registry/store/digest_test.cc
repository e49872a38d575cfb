#include "registry/store/digest.h"

#include <doctest/doctest.h>

#include <string>

#include "base/text.h"

using namespace caisson;
using namespace caisson::registry::store;

TEST_CASE("digests are those of FIPS 180-4") {
  CHECK(digest_of(Algorithm::Sha256, text::bytes_of("abc")).str() ==
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest_of(Algorithm::Sha512, text::bytes_of("abc")).str() ==
        "sha512:ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
}

TEST_CASE("a hasher goes on after it told the digest so far") {
  Hasher hasher(Algorithm::Sha256);
  hasher.update(text::bytes_of("a"));
  CHECK(hasher.digest() == digest_of(Algorithm::Sha256, text::bytes_of("a")));
  hasher.update(text::bytes_of("bc"));
  CHECK(hasher.digest() == digest_of(Algorithm::Sha256, text::bytes_of("abc")));
}

TEST_CASE("only a known algorithm with lower-case digits of the right length is a digest") {
  const std::string hex(64, 'a');
  CHECK(Digest::parse("sha256:" + hex).ok());
  CHECK(Digest::parse("sha512:" + hex + hex).ok());
  CHECK(Digest::parse("sha256:" + hex).value().hex() == hex);
  for (const std::string& bad :
       {std::string(), std::string("sha256"), std::string("sha256:"), "sha256:" + hex.substr(1), "sha256:" + hex + "a",
        "sha256:" + std::string(64, 'A'), "sha256:" + std::string(64, 'g'), "sha512:" + hex, "md5:" + hex,
        "SHA256:" + hex, "sha256:" + hex + "\n", hex, "sha256:../" + hex.substr(3), " sha256:" + hex}) {
    CAPTURE(bad);
    CHECK_FALSE(Digest::parse(bad).ok());
  }
}

TEST_CASE("the digest of nothing is known") {
  CHECK(digest_of(Algorithm::Sha256, {}).is_of_nothing());
  CHECK(digest_of(Algorithm::Sha512, {}).is_of_nothing());
  CHECK_FALSE(digest_of(Algorithm::Sha256, text::bytes_of("x")).is_of_nothing());
}
