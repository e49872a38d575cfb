#include "tls/client_sessions.h"

#include <memory>
#include <unordered_map>

#include "base/handle.h"

namespace caisson::tls {

namespace {

using SessionHandle = std::unique_ptr<SSL_SESSION, FreeWith<&SSL_SESSION_free>>;

// Keys come of requests where names do: what is kept has a bound.
constexpr std::size_t most_sessions = 1000;

struct ClientSessions {
  std::unordered_map<std::string, SessionHandle> by_key;
};

void free_sessions(void*, void* sessions, CRYPTO_EX_DATA*, int, long, void*) noexcept {
  delete static_cast<ClientSessions*>(sessions);
}
void free_key(void*, void* key, CRYPTO_EX_DATA*, int, long, void*) noexcept { delete static_cast<std::string*>(key); }

int sessions_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_sessions);
  return index;
}
int key_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_key);
  return index;
}

ClientSessions* sessions_of(SSL_CTX* context) {
  return static_cast<ClientSessions*>(SSL_CTX_get_ex_data(context, sessions_index()));
}

// 1: the session is ours now.
int on_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
  ClientSessions* const sessions = sessions_of(SSL_get_SSL_CTX(ssl));
  const auto* key = static_cast<const std::string*>(SSL_get_ex_data(ssl, key_index()));
  if (sessions == nullptr || key == nullptr) return 0;
  if (sessions->by_key.size() >= most_sessions) sessions->by_key.clear();
  sessions->by_key[*key].reset(session);
  return 1;
}

}  // namespace

void keep_client_sessions(SSL_CTX* context) {
  auto sessions = std::make_unique<ClientSessions>();
  if (SSL_CTX_set_ex_data(context, sessions_index(), sessions.get()) != 1) return;
  sessions.release();
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(context, &on_new_session);
}

void resume_client_session(SSL* ssl, const std::string& key) {
  ClientSessions* const sessions = sessions_of(SSL_get_SSL_CTX(ssl));
  if (sessions == nullptr) return;
  auto kept_key = std::make_unique<std::string>(key);
  if (SSL_set_ex_data(ssl, key_index(), kept_key.get()) != 1) return;
  kept_key.release();
  const auto found = sessions->by_key.find(key);
  if (found != sessions->by_key.end()) SSL_set_session(ssl, found->second.get());
}

}  // namespace caisson::tls
