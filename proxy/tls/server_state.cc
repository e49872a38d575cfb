#include "tls/server_state.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <new>
#include <span>

namespace caisson::tls {

namespace {

// Sessions with a client's certificate chain may be large; what is larger than this is not worth its place.
constexpr int largest_session = 16 * 1024;

void free_state(void*, void* state, CRYPTO_EX_DATA*, int, long, void*) { delete static_cast<ServerState*>(state); }

int state_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, &free_state);
  return index;
}

int hosts_index() {
  static const int index = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, nullptr);
  return index;
}

std::string id_of(const SSL_SESSION* session) {
  unsigned size = 0;
  const unsigned char* id = SSL_SESSION_get_id(session, &size);
  return {reinterpret_cast<const char*>(id), size};
}

// No exception crosses OpenSSL; a session that is not kept is only a slower next handshake.
int on_new_session(SSL* ssl, SSL_SESSION* session) noexcept {
  constexpr int we_took_no_reference = 0;
  const ServerState& state = state_of(ssl);
  if (state.cache == nullptr) return we_took_no_reference;
  // A TLS 1.3 ticket that seals the whole session leaves nothing to keep.
  const bool sealed = SSL_version(ssl) == TLS1_3_VERSION && (SSL_get_options(ssl) & SSL_OP_NO_TICKET) == 0;
  if (sealed) return we_took_no_reference;
  const int size = i2d_SSL_SESSION(session, nullptr);
  if (size <= 0 || size > largest_session) return we_took_no_reference;
  try {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    auto* out = reinterpret_cast<unsigned char*>(bytes.data());
    i2d_SSL_SESSION(session, &out);
    state.cache->put(id_of(session), std::move(bytes));
  } catch (const std::bad_alloc&) {
  }
  return we_took_no_reference;
}

SSL_SESSION* on_find_session(SSL* ssl, const unsigned char* id, int size, int* copy) noexcept {
  *copy = 0;  // OpenSSL owns what we return
  const ServerState& state = state_of(ssl);
  if (state.cache == nullptr) return nullptr;
  try {
    const auto bytes =
        state.cache->find(std::string(reinterpret_cast<const char*>(id), static_cast<std::size_t>(size)));
    if (!bytes) return nullptr;
    const auto* in = reinterpret_cast<const unsigned char*>(bytes->data());
    return d2i_SSL_SESSION(nullptr, &in, static_cast<long>(bytes->size()));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

void on_remove_session(SSL_CTX* context, SSL_SESSION* session) noexcept {
  const auto* state = static_cast<const ServerState*>(SSL_CTX_get_ex_data(context, state_index()));
  if (state == nullptr || state->cache == nullptr) return;  // null while the context is being freed
  try {
    state->cache->remove(id_of(session));
  } catch (const std::bad_alloc&) {
  }
}

// RFC 5077 section 4, with OpenSSL's choice of algorithms: AES-CBC and HMAC-SHA-256.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
              int seal) noexcept {
  constexpr int failed = -1;
  constexpr int no_ticket = 0;
  constexpr int good = 1;
  constexpr int good_but_renew = 2;
  // Once: fetching takes locks.
  static const EVP_CIPHER* const aes_256 = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  static const EVP_CIPHER* const aes_128 = EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr);

  const ServerState& state = state_of(ssl);
  if (state.ticket_keys == nullptr) return no_ticket;
  TicketKeys::Found found;
  if (seal != 0) {
    found = {state.ticket_keys->newest(), true};
    std::copy(found.key.name.begin(), found.key.name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(aes_256)) != 1) return failed;
  } else {
    const auto known = state.ticket_keys->find(std::span<const std::uint8_t, 16>(name, 16));
    if (!known) return no_ticket;
    found = *known;
  }
  char digest[] = "SHA256";
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, found.key.hmac.data(), found.key.width),
                         OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                         OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, params) != 1) return failed;
  const EVP_CIPHER* const aes = found.key.width == 16 ? aes_128 : aes_256;
  if (EVP_CipherInit_ex(cipher, aes, nullptr, found.key.aes.data(), iv, seal) != 1) return failed;
  // In TLS 1.3 a client uses a ticket once (RFC 8446 appendix C.4): without a new one its next connection resumes
  // nothing.
  const bool used_up = seal == 0 && SSL_version(ssl) == TLS1_3_VERSION;
  return found.newest && !used_up ? good : good_but_renew;
}

}  // namespace

void attach_state(SSL_CTX* context, std::unique_ptr<ServerState> state) {
  if (SSL_CTX_set_ex_data(context, state_index(), state.get()) != 1) throw std::bad_alloc();
  state.release();
}

const ServerState& state_of(const SSL* ssl) noexcept {
  return *static_cast<const ServerState*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), state_index()));
}

void attach_hosts(SSL* ssl, const ServerHosts* hosts) noexcept {
  SSL_set_ex_data(ssl, hosts_index(), const_cast<ServerHosts*>(hosts));
}

const ServerHosts* hosts_of(const SSL* ssl) noexcept {
  return static_cast<const ServerHosts*>(SSL_get_ex_data(ssl, hosts_index()));
}

void install_session_callbacks(SSL_CTX* context) {
  // On every context, whatever it wants: OpenSSL asks the one that the connection began with, while the state is that
  // of the host which was chosen.
  SSL_CTX_sess_set_new_cb(context, &on_new_session);
  SSL_CTX_sess_set_get_cb(context, &on_find_session);
  SSL_CTX_sess_set_remove_cb(context, &on_remove_session);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &on_ticket);
}

}  // namespace caisson::tls
