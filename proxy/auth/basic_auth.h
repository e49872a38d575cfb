// `auth_basic` and `auth_basic_user_file`: user and password by htpasswd files. ngx_http_auth_basic_module.
//
// Other than nginx: hashing never stalls anybody, too many checks at a time are answered 503 with Retry-After, lines
// and files that let nobody in are reported at start, and quotes in the realm are escaped.
//
//     auth_basic_keep_users on;    a user file that is gone, or cannot be read, leaves those in force who were in it;
//                                  off, as in nginx, it lets nobody in
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "auth/htpasswd_files.h"
#include "auth/verifier.h"
#include "rules/language.h"
#include "rules/template.h"

namespace caisson::auth {

// What the checks of one configuration share; in its outermost level.
struct BasicAuthRuntime {
  std::shared_ptr<HtpasswdFiles> files;
  std::shared_ptr<Verifier> verifier;  // null where the configuration is only checked
};

struct BasicAuthSettings {
  struct Realm {
    rules::Template text;  // "off": nobody is asked
    config::SourcePos at;
  };
  struct UserFile {
    rules::Template path;
    std::string folder;  // where a relative path begins: the configuration's; ends in '/'
    BasicAuthRuntime runtime;
    config::SourcePos at;
  };
  std::optional<Realm> realm;
  std::optional<UserFile> file;
  std::optional<bool> keep_users;

  void inherit(const BasicAuthSettings& outer) {
    rules::inherit(realm, outer.realm);
    rules::inherit(file, outer.file);
    rules::inherit(keep_users, outer.keep_users);
  }
};

// Registers the directives and their access check.
void describe(rules::Language& language);

}  // namespace caisson::auth
