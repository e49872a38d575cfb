#include <string>

#include "auth/token/token_verifier.h"
#include "unit/auth/token/token_fixture.h"

using namespace caisson;
using namespace caisson::auth::token;
using namespace token_test;

namespace {

const std::time_t now = 1'800'000'000;  // the verifier's; certificates live by the machine's clock

// A verifier that trusts the certificates of `roots` and the key set, and what it says of a token: "" is good.
class Gate {
 public:
  explicit Gate(const std::vector<const Signer*>& roots, const std::string& key_set = "") : pool_(1, 8) {
    std::vector<std::pair<std::string, std::string>> files;
    std::string bundle;
    for (const Signer* root : roots) bundle += root->pem();
    if (!bundle.empty()) files.emplace_back("/bundle.pem", bundle);
    if (!key_set.empty()) files.emplace_back("/keys.json", key_set);
    auto made = TokenVerifier::make(std::move(files), &pool_);
    REQUIRE_MESSAGE(made.ok(), (made.ok() ? "" : made.error().what));
    verifier_ = made.value();
  }

  std::string says(const std::string& token, std::time_t at = now) {
    std::string said = "nothing";
    async::Loop loop;
    loop.spawn(ask(token, at, said));
    loop.stop_when_idle();
    loop.run();
    return said;
  }
  TokenVerifier& verifier() { return *verifier_; }

 private:
  async::Task<void> ask(const std::string& token, std::time_t at, std::string& said) {
    const TokenVerifier::Expected expected{"issuer", "service"};
    auto result = co_await verifier_->verify(token, expected, std::chrono::system_clock::from_time_t(at));
    said = result.ok() ? "" : result.error().what;
  }

  async::BlockingPool pool_;
  std::shared_ptr<TokenVerifier> verifier_;
};

const Signer& root() {
  static const Signer made = Signer::rsa();
  return made;
}
const Signer& attacker() {
  static const Signer made = Signer::rsa();
  return made;
}

}  // namespace

TEST_CASE("every algorithm that fits its key is taken, and no other") {
  const Signer p256 = Signer::ec("P-256");
  const Signer p384 = Signer::ec("P-384");
  const Signer p521 = Signer::ec("P-521");
  Gate gate({&root(), &p256, &p384, &p521});
  for (const char* algorithm : {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}) {
    CAPTURE(algorithm);
    CHECK(gate.says(token(root(), claims(now), kid(root()), algorithm)) == "");
  }
  CHECK(gate.says(token(p256, claims(now), kid(p256), "ES256")) == "");
  CHECK(gate.says(token(p384, claims(now), kid(p384), "ES384")) == "");
  CHECK(gate.says(token(p521, claims(now), kid(p521), "ES512")) == "");
  // The right key and a right signature of it, by an algorithm that is another key's.
  const std::string unfit = "the algorithm is not one for that key";
  CHECK(gate.says(token(p256, claims(now), kid(p256), "ES384")) == unfit);
  CHECK(gate.says(token(p384, claims(now), kid(p384), "ES256")) == unfit);
  CHECK(gate.says(token(p256, claims(now), kid(p256), "RS256")) == unfit);
  CHECK(gate.says(token(root(), claims(now), kid(root()), "ES256")) == unfit);
}

TEST_CASE("a token without a signature, or signed with the public key as a password, is refused") {
  Gate gate({&root()});
  const std::string unknown = "no signature of that algorithm counts";
  for (const char* none : {"none", "None", "NONE", "", "RS256 ", "rs256"}) {
    CAPTURE(none);
    const std::string text = signed_part(R"({"alg":")" + std::string(none) + R"(",)" + kid(root()) + '}', claims(now));
    CHECK(gate.says(text + '.') == unknown);
    CHECK(gate.says(text + '.' + base64url(root().sign("RS256", text))) == unknown);
  }
  // CVE-2015-9235: HMAC with what everybody knows.
  for (const std::string& secret : {root().public_pem(), root().pem()}) {
    const std::string text = signed_part(R"({"alg":"HS256",)" + kid(root()) + '}', claims(now));
    std::string mac(32, '\0');
    HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
         reinterpret_cast<const unsigned char*>(text.data()), text.size(), reinterpret_cast<unsigned char*>(mac.data()),
         nullptr);
    CHECK(gate.says(text + '.' + base64url(mac)) == unknown);
  }
  const std::string empty = signed_part(R"({"alg":"RS256",)" + kid(root()) + '}', claims(now));
  CHECK(gate.says(empty + '.') == "the signature is wrong");
}

TEST_CASE("a token that somebody changed is refused") {
  Gate gate({&root()});
  const std::string good = token(root(), claims(now), kid(root()));
  REQUIRE(gate.says(good) == "");
  const std::size_t payload = good.find('.') + 1;
  const std::string other = base64url(claims(now, R"(,"x":1)"));
  CHECK(gate.says(good.substr(0, payload) + other + good.substr(good.rfind('.'))) == "the signature is wrong");
  for (std::size_t size = 0; size < good.size(); size += 7) {
    CAPTURE(size);
    CHECK(gate.says(good.substr(0, size)) != "");
  }
  std::string flipped = good;
  flipped[good.size() - 40] = flipped[good.size() - 40] == 'A' ? 'B' : 'A';
  CHECK(gate.says(flipped) == "the signature is wrong");
  const Signer p256 = Signer::ec("P-256");
  Gate of_curve({&p256});
  const std::string text = signed_part(R"({"alg":"ES256",)" + kid(p256) + '}', claims(now));
  CHECK(of_curve.says(text + '.' + base64url(std::string(64, '\0'))) == "the signature is wrong");
  CHECK(of_curve.says(text + '.' + base64url(std::string(63, 'x'))) == "the signature has a wrong size");
}

TEST_CASE("time, issuer and audience are looked at, with a minute for clocks that differ") {
  Gate gate({&root()});
  const std::string good = token(root(), claims(now), kid(root()));
  CHECK(gate.says(good, now + 300 + 60) == "");
  CHECK(gate.says(good, now + 300 + 61) == "it has expired");  // the same token, which is remembered
  CHECK(gate.says(good, now - 10 - 60) == "");
  CHECK(gate.says(good, now - 10 - 61) == "it is not valid yet");
  const auto of = [&](const std::string& payload) { return gate.says(token(root(), payload, kid(root()))); };
  CHECK(of(R"({"iss":"issuer","aud":"service"})") == "it has expired");
  CHECK(of(R"({"iss":"issuer","aud":"service","exp":1e300})") ==
        "malformed token: its claims have values of a wrong kind");
  CHECK(of(R"({"iss":"issuer","aud":"service","exp":"9999999999"})").starts_with("malformed"));
  CHECK(of(R"({"iss":"issuer","aud":"service","exp":9999999999.5})") == "");
  CHECK(of(R"({"iss":"issuer","aud":["x","service"],"exp":9999999999})") == "");
  CHECK(of(R"({"iss":"issuer","aud":["x"],"exp":9999999999})") == "it is for another service");
  CHECK(of(R"({"iss":"issuer","aud":[],"exp":9999999999})") == "it is for another service");
  CHECK(of(R"({"iss":"issuer","exp":9999999999})") == "it is for another service");
  CHECK(of(R"({"iss":"Issuer","aud":"service","exp":9999999999})") == "it is of another issuer");
  CHECK(of(R"({"aud":"service","exp":9999999999})") == "it is of another issuer");
}

TEST_CASE("a key that a token brings counts only if it is a root's, or its chain leads to one") {
  const Signer leaf = Signer::rsa({&root(), false});
  const Signer middle = Signer::rsa({&root()});
  const Signer below = Signer::rsa({&middle, false});
  Gate gate({&root()});
  const auto of = [&](const Signer& signer, const std::string& hint) {
    return gate.says(token(signer, claims(now), hint));
  };
  CHECK(of(root(), R"("jwk":)" + root().jwk()) == "");
  CHECK(of(root(), R"("x5c":[)" + root().x5c() + "]") == "");
  CHECK(of(leaf, R"("x5c":[)" + leaf.x5c() + "]") == "");
  CHECK(of(below, R"("x5c":[)" + below.x5c() + "," + middle.x5c() + "]") == "");
  CHECK(of(leaf, R"("jwk":)" + leaf.jwk(R"(,"x5c":[)" + leaf.x5c() + "]")) == "");

  const std::string foreign = "its certificate is not trusted";
  CHECK(of(attacker(), R"("jwk":)" + attacker().jwk()) == "it brings a key that is not trusted");
  // CVE-2025-24976: the key is named as a trusted one.
  CHECK(of(attacker(), R"("jwk":)" + attacker().jwk(R"(,"kid":")" + root().id() + '"')) ==
        "it brings a key that is not trusted");
  CHECK(of(attacker(), R"("jwk":)" + attacker().jwk() + "," + kid(root())) == "it brings a key that is not trusted");
  CHECK(of(attacker(), R"("jwk":)" + attacker().jwk(R"(,"x5c":[)" + leaf.x5c() + "]")) ==
        "it brings a key that is not its certificate's");
  CHECK(of(attacker(), kid(attacker())) == "it names a key that is not trusted");
  CHECK(of(attacker(), kid(root())) == "the signature is wrong");
  CHECK(of(attacker(), "") == "it does not say which key has signed it");
  CHECK(of(attacker(), R"("x5c":[)" + attacker().x5c() + "]").starts_with(foreign));
  CHECK(of(attacker(), R"("x5c":[)" + attacker().x5c() + "," + root().x5c() + "]").starts_with(foreign));
  CHECK(of(attacker(), R"("x5c":[)" + root().x5c() + "," + attacker().x5c() + "]") == "the signature is wrong");
  CHECK(of(below, R"("x5c":[)" + below.x5c() + "]").starts_with(foreign));
  // A certificate that may not sign others, and one that is over.
  const Signer by_leaf = Signer::rsa({&leaf, false});
  CHECK(of(by_leaf, R"("x5c":[)" + by_leaf.x5c() + "," + leaf.x5c() + "]").starts_with(foreign));
  const Signer over = Signer::rsa({&root(), false, -3600});
  CHECK(of(over, R"("x5c":[)" + over.x5c() + "]") == foreign + ": certificate has expired");
  CHECK(of(root(), R"("x5c":["AAAA"])") == "it brings a certificate that cannot be read");
  CHECK(of(root(), R"("x5c":["*"])").starts_with("malformed"));
}

TEST_CASE("a secret in the place of a key is none, in a token and in a key set") {
  Gate gate({&root()});
  const std::string secret = R"({"kty":"oct","k":"c2VjcmV0"})";
  CHECK(gate.says(token(root(), claims(now), R"("jwk":)" + secret)) ==
        "the key is none of RSA or of an elliptic curve that signs");
  CHECK_FALSE(TrustedKeys::parse({{"/k", R"({"keys":[)" + secret + "]}"}}).ok());
}

TEST_CASE("the keys of a key set count by their names, and by their fingerprints") {
  const Signer p256 = Signer::ec("P-256");
  Gate gate({}, R"( {"keys":[)" + p256.jwk(R"(,"kid":"mine")") + "," + root().jwk() + R"(,{"kty":"OKP"}]})");
  CHECK(gate.says(token(p256, claims(now), R"("kid":"mine")", "ES256")) == "");
  CHECK(gate.says(token(p256, claims(now), kid(p256), "ES256")) == "");
  CHECK(gate.says(token(root(), claims(now), kid(root()))) == "");
  CHECK(gate.says(token(root(), claims(now), R"("x5c":[)" + root().x5c() + "]")) ==
        "its certificate is not trusted: self-signed certificate");
}

TEST_CASE("tokens that are huge, deep or of another shape are refused") {
  Gate gate({&root()});
  const auto of = [&](const std::string& payload, const std::string& hint) {
    return gate.says(token(root(), payload, hint));
  };
  CHECK(gate.says("") != "");
  CHECK(gate.says("..") != "");
  CHECK(gate.says("a.b.c.d") == "malformed token: it has not three parts");
  CHECK(gate.says(std::string(most_token_bytes + 1, 'a')) == "the token is too large");
  CHECK(of(claims(now, R"(,"x":")" + std::string(40'000, 'a') + '"'), kid(root())) == "");
  const std::string deep = std::string(20'000, '[') + std::string(20'000, ']');
  CHECK(of(claims(now, R"(,"x":)" + deep), kid(root())).starts_with("malformed"));
  CHECK(of(claims(now, R"(,"x":[[[[[[[[[]]]]]]]]])"), kid(root())).starts_with("malformed"));
  CHECK(of("[]", kid(root())).starts_with("malformed"));
  CHECK(of("null", kid(root())).starts_with("malformed"));
  CHECK(of("\"\xff\"", kid(root())).starts_with("malformed"));
  CHECK(of(claims(now, R"(,"access":{})"), kid(root())).starts_with("malformed"));
  CHECK(of(claims(now, R"(,"sub":1)"), kid(root())).starts_with("malformed"));
  CHECK(of(claims(now), kid(root()) + R"(,"crit":["x"])").starts_with("malformed"));
  CHECK(of(claims(now), R"("kid":1)").starts_with("malformed"));
  CHECK(of(claims(now), R"("jwk":"x")").starts_with("malformed"));
  std::string many = root().x5c();
  for (int i = 0; i < 10; ++i) many += "," + root().x5c();
  CHECK(of(claims(now), R"("x5c":[)" + many + "]") == "malformed token: its header has too many certificates");
  std::string padded = token(root(), claims(now), kid(root()));
  CHECK(gate.says(padded + "=") != "");
}

TEST_CASE("a key that is no longer trusted is not trusted for the tokens that it signed before") {
  Gate gate({&root()});
  const std::string made = token(root(), claims(now), kid(root()));
  REQUIRE(gate.says(made) == "");
  CHECK_FALSE(gate.verifier().hand_over("/bundle.pem", "nothing").ok());
  CHECK(gate.says(made) == "");
  CHECK(gate.verifier().hand_over("/bundle.pem", attacker().pem()).ok());
  CHECK(gate.says(made) == "it names a key that is not trusted");
  CHECK(gate.says(token(attacker(), claims(now), kid(attacker()))) == "");
}

TEST_CASE("a fingerprint is the one that libtrust gives") {
  // openssl pkey -pubin -outform DER | sha256sum, first 30 bytes in base32
  constexpr const char* pem =
      "-----BEGIN PUBLIC KEY-----\n"
      "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\n"
      "q9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\n"
      "-----END PUBLIC KEY-----\n";
  const std::unique_ptr<BIO, FreeWith<&BIO_free>> bio(BIO_new_mem_buf(pem, -1));
  const PublicKey key = shared_key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
  REQUIRE(key != nullptr);
  CHECK(fingerprint(*key) == "UQHQ:6LRJ:OTOH:NKBN:6376:BDWQ:26MV:LR46:PLIM:EDMX:V2HZ:ERVN");
}

TEST_CASE("a bundle without certificates, or with a broken one, is refused") {
  const auto error = [](const std::string& text) {
    auto parsed = TrustedKeys::parse({{"/b.pem", text}});
    return parsed.ok() ? "" : parsed.error().what;
  };
  CHECK(error(root().public_pem() + root().pem()) == "");
  CHECK(error("") == "\"/b.pem\": has no certificate");
  CHECK(error(root().public_pem()) == "\"/b.pem\": has no certificate");
  CHECK(error("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") != "");
  CHECK(error(root().pem() + "-----BEGIN CERTIFICATE-----\n!\n") != "");
  CHECK(error("{\"keys\": 1}") == "\"/b.pem\": the key set has no list of \"keys\"");
}
