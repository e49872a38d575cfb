// Token authentication in front of a registry: https://distribution.github.io/distribution/spec/auth/token/
//
//     auth_token REALM | off;          where clients get their tokens: the URL of the token server
//     auth_token_service NAME;         this registry's name there, which a token must be for
//     auth_token_issuer NAME;          who must have issued it
//     auth_token_keys FILE...;         whose signatures count: certificates in PEM (registry:2's rootcertbundle) and
//                                      JSON Web Key Sets
//     auth_token_autoredirect on|off;  REALM is https://HOST/auth/token, of the host that the client asked; off
//
// What a request needs to be allowed follows from its method and its path in the registry's API ("/v2/...", behind
// registry_prefix). What is no such path is not there: 404. Answers and challenges are registry:2's.
#pragma once

#include <memory>
#include <vector>

#include "auth/token/token_verifier.h"
#include "rules/language.h"

namespace caisson::auth::token {

// All verifiers of one configuration, for those who hand over renewed files; in its outermost level.
struct TokenVerifiers {
  std::vector<std::shared_ptr<TokenVerifier>> all;
};

void describe(rules::Language& language);

}  // namespace caisson::auth::token
