// Bearer tokens, which anybody may send: whatever the bytes are, they are refused or parsed, and no key that they bring
// is ever taken.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "auth/token/jwk.h"
#include "auth/token/jwt.h"
#include "auth/token/trusted_keys.h"
#include "base/text.h"

using namespace caisson::auth::token;

namespace {

const TrustedKeys& trusted_keys() {
  // A key that nobody has the private half of.
  static const auto keys = TrustedKeys::parse(
      {{"/keys",
        R"({"keys":[{"kty":"EC","crv":"P-256","kid":"trusted",)"
        R"("x":"EVs_o5-uQbTjL3chynL4wXgUg2R9q9UU8I5mEovUf84","y":"kGe5DgSIycKp8w9aJmoHhB1sB3QTugfnRWm5nU_TzsY"}]})"}});
  if (!keys.ok()) std::abort();
  return *keys.value();
}

std::string base64url_of(std::string_view text) {
  std::string made = caisson::text::to_base64(caisson::text::bytes_of(text));
  std::replace(made.begin(), made.end(), '+', '-');
  std::replace(made.begin(), made.end(), '/', '_');
  while (made.ends_with('=')) made.pop_back();
  return made;
}

void try_token(std::string_view text) {
  const auto jwt = parse_jwt(text);
  if (!jwt.ok()) return;
  const auto key = trusted_keys().find(jwt.value().hint);
  if (!key.ok()) return;
  const auto genuine =
      verify_signature(jwt.value().algorithm, *key.value(), jwt.value().signed_part, jwt.value().signature);
  if (genuine.ok()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  try_token(text);
  (void)parse_jwk(text);
  (void)parse_jwk_set(text);
  // The same as a header before a fixed payload: the fuzzer need not find base64 by itself.
  const std::string as_header = base64url_of(text) + ".e30.AAAA";
  try_token(as_header);
  return 0;
}
