#include "auth/token/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <array>
#include <optional>

#include "auth/token/base64url.h"
#include "auth/token/json.h"
#include "base/handle.h"
#include "base/text.h"

namespace caisson::auth::token {
namespace {

using nlohmann::json;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, FreeWith<&OSSL_PARAM_BLD_free>>;
using Number = std::unique_ptr<BIGNUM, FreeWith<&BN_free>>;

constexpr std::size_t most_bytes = 2048;  // of a modulus: 16384 bits

Error bad(std::string_view what) { return {ErrorCode::BadRequest, "the key " + std::string(what)}; }

std::optional<std::string> bytes_of(const json& object, const char* name) {
  const auto written = text_of(object, name);
  if (!written || written->empty()) return std::nullopt;
  auto bytes = from_base64url(*written);
  if (!bytes || bytes->empty() || bytes->size() > most_bytes) return std::nullopt;
  return bytes;
}

PublicKey made_from(const char* kind, Builder& builder) {
  std::unique_ptr<OSSL_PARAM, FreeWith<&OSSL_PARAM_free>> parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  std::unique_ptr<EVP_PKEY_CTX, FreeWith<&EVP_PKEY_CTX_free>> context(
      EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  EVP_PKEY* key = nullptr;
  const bool made = parameters && context && EVP_PKEY_fromdata_init(context.get()) == 1 &&
                    EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) == 1;
  ERR_clear_error();
  return made ? shared_key(key) : nullptr;
}

PublicKey rsa_key(const json& object) {
  const auto modulus = bytes_of(object, "n");
  const auto exponent = bytes_of(object, "e");
  if (!modulus || !exponent) return nullptr;
  const auto number = [](const std::string& bytes) {
    return Number(
        BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
  };
  const Number n = number(*modulus);
  const Number e = number(*exponent);
  Builder builder(OSSL_PARAM_BLD_new());
  const bool put = builder && n && e && OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) == 1 &&
                   OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) == 1;
  return put ? made_from("RSA", builder) : nullptr;
}

struct Curve {
  std::string_view name;
  const char* group;
  std::size_t size;  // of a coordinate
};
constexpr std::array curves = {Curve{"P-256", "prime256v1", 32}, Curve{"P-384", "secp384r1", 48},
                               Curve{"P-521", "secp521r1", 66}};

PublicKey ec_key(const json& object) {
  const auto named = text_of(object, "crv");
  const auto curve = std::find_if(curves.begin(), curves.end(), [&](const Curve& each) { return each.name == named; });
  const auto x = bytes_of(object, "x");
  const auto y = bytes_of(object, "y");
  if (curve == curves.end() || !x || !y || x->size() > curve->size || y->size() > curve->size) return nullptr;
  const auto padded = [&](const std::string& bytes) { return std::string(curve->size - bytes.size(), '\0') + bytes; };
  const std::string point = '\x04' + padded(*x) + padded(*y);  // uncompressed
  Builder builder(OSSL_PARAM_BLD_new());
  const bool put =
      builder && OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve->group, 0) == 1 &&
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) == 1;
  return put ? made_from("EC", builder) : nullptr;
}

Result<Jwk> read_key(const json& object) {
  Jwk jwk;
  const auto kind = text_of(object, "kty");
  const auto kid = text_of(object, "kid");
  const auto chain = texts_of(object, "x5c");
  if (!kind || !kid || !chain) return bad("has values of a wrong kind");
  if (*kind == "RSA") jwk.key = rsa_key(object);
  if (*kind == "EC") jwk.key = ec_key(object);
  if (!jwk.key) return bad("is none of RSA or of an elliptic curve that signs");
  for (const std::string& certificate : *chain) {
    auto der = text::from_base64(certificate);
    if (!der) return bad("has a certificate that is no base64");
    jwk.x5c.push_back(std::move(*der));
  }
  jwk.kid = *kid;
  return jwk;
}

}  // namespace

Result<Jwk> parse_jwk(std::string_view text) {
  const auto object = parse_object(text);
  return object ? read_key(*object) : Result<Jwk>(bad("is no JSON object"));
}

Result<std::vector<Jwk>> parse_jwk_set(std::string_view text) {
  const auto object = parse_object(text);
  const auto keys = object ? object->find("keys") : json::const_iterator();
  if (!object || keys == object->end() || !keys->is_array()) return bad("set has no list of \"keys\"");
  std::vector<Jwk> set;
  for (const json& each : *keys) {
    if (!each.is_object()) continue;
    auto key = read_key(each);
    if (key.ok()) set.push_back(std::move(key).value());
  }
  return set;
}

}  // namespace caisson::auth::token
