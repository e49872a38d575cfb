#include "registry/maintenance/packed_digest.h"

#include <doctest/doctest.h>

#include "base/text.h"

using namespace caisson;
using namespace caisson::registry;
using namespace caisson::registry::maintenance;

TEST_CASE("a packed digest is the same digest") {
  for (const store::Algorithm algorithm : {store::Algorithm::Sha256, store::Algorithm::Sha512}) {
    const store::Digest digest = digest_of(algorithm, text::bytes_of("x"));
    CHECK(unpack(pack(digest)) == digest);
  }
}

TEST_CASE("a set of digests has what was put into it, and nothing else") {
  DigestSet set;
  const auto digest = [](int i, store::Algorithm algorithm) {
    return digest_of(algorithm, text::bytes_of(std::to_string(i)));
  };
  for (int i = 0; i < 1000; ++i) {
    CHECK(set.insert(digest(i, store::Algorithm::Sha256)));
    if (i % 2 == 0) CHECK(set.insert(digest(i, store::Algorithm::Sha512)));
  }
  CHECK_FALSE(set.insert(digest(1, store::Algorithm::Sha256)));
  CHECK(set.size() == 1500);
  for (int i = 0; i < 2000; ++i) {
    CHECK(set.contains(digest(i, store::Algorithm::Sha256)) == (i < 1000));
    CHECK(set.contains(digest(i, store::Algorithm::Sha512)) == (i < 1000 && i % 2 == 0));
  }
}
