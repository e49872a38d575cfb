#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include "base/text.h"
#include "tls/client_sessions.h"
#include "tls/errors.h"
#include "tls/server_state.h"

namespace caisson::tls {

namespace {

using BioHandle = std::unique_ptr<BIO, FreeWith<&BIO_free>>;

// What both sides want alike.
void set_common(SSL_CTX* context, const Protocols& protocols) {
  // The limits that the system's openssl.cnf may set would override ssl_protocols; the options say it all.
  SSL_CTX_set_min_proto_version(context, 0);
  SSL_CTX_set_max_proto_version(context, 0);
  std::uint64_t options = SSL_OP_NO_SSLv3 | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION;
  if (!protocols.tls1_0) options |= SSL_OP_NO_TLSv1;
  if (!protocols.tls1_1) options |= SSL_OP_NO_TLSv1_1;
  if (!protocols.tls1_2) options |= SSL_OP_NO_TLSv1_2;
  if (!protocols.tls1_3) options |= SSL_OP_NO_TLSv1_3;
  SSL_CTX_set_options(context, options);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);  // an idle connection holds none
}

Result<void> set_ciphers(SSL_CTX* context, const std::string& ciphers) {
  if (SSL_CTX_set_cipher_list(context, ciphers.c_str()) == 1) return {};
  return ssl_call_failed("SSL_CTX_set_cipher_list(\"" + ciphers + "\")");
}

Result<void> use_certificate(SSL_CTX* context, const CertificatePem& pem) {
  auto loaded = Certificate::load(pem);
  if (!loaded.ok()) return std::move(loaded).error();
  const Certificate& certificate = loaded.value();
  if (SSL_CTX_use_certificate(context, certificate.leaf()) != 1) {
    return ssl_call_failed("SSL_CTX_use_certificate(\"" + pem.chain_path + "\")");
  }
  if (SSL_CTX_use_PrivateKey(context, certificate.key()) != 1) {
    return ssl_call_failed("SSL_CTX_use_PrivateKey(\"" + pem.key_path + "\")");
  }
  for (std::size_t i = 1; i < certificate.chain().size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, certificate.chain()[i].get()) != 1) {
      return ssl_call_failed("SSL_CTX_add1_chain_cert(\"" + pem.chain_path + "\")");
    }
  }
  return {};
}

Result<void> use_dhparam(SSL_CTX* context, const ServerParameters& parameters) {
  if (parameters.dhparam.empty()) return {};
  const BioHandle bio(BIO_new_mem_buf(parameters.dhparam.data(), static_cast<int>(parameters.dhparam.size())));
  KeyHandle group(PEM_read_bio_Parameters(bio.get(), nullptr));
  const bool is_dh = group && (EVP_PKEY_is_a(group.get(), "DH") != 0 || EVP_PKEY_is_a(group.get(), "DHX") != 0);
  if (!is_dh) return ssl_call_failed("PEM_read_bio_DHparams(\"" + parameters.dhparam_path + "\")");
  if (SSL_CTX_set0_tmp_dh_pkey(context, group.get()) != 1) {
    return ssl_call_failed("SSL_CTX_set0_tmp_dh_pkey(\"" + parameters.dhparam_path + "\")");
  }
  group.release();
  return {};
}

// Whom a client trusts. ngx_ssl_trusted_certificate, ngx_ssl_crl
Result<void> verify_server(SSL_CTX* context, const ClientParameters& parameters) {
  if (!parameters.verify) return {};
  if (parameters.trusted.empty()) {
    return Error{ErrorCode::BadConfig, "no proxy_ssl_trusted_certificate for proxy_ssl_verify"};
  }
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  const BioHandle bio(BIO_new_mem_buf(parameters.trusted.data(), static_cast<int>(parameters.trusted.size())));
  std::size_t count = 0;
  while (const X509Handle trusted{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(store, trusted.get());
    ++count;
  }
  if (count == 0) return ssl_call_failed("SSL_CTX_load_verify_locations(\"" + parameters.trusted_path + "\")");
  ERR_clear_error();  // the end of the text counts as one
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_verify_depth(context, parameters.verify_depth);
  if (parameters.revoked.empty()) return {};

  const BioHandle revoked(BIO_new_mem_buf(parameters.revoked.data(), static_cast<int>(parameters.revoked.size())));
  std::size_t lists = 0;
  while (const std::unique_ptr<X509_CRL, FreeWith<&X509_CRL_free>> list{
      PEM_read_bio_X509_CRL(revoked.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_crl(store, list.get());
    ++lists;
  }
  if (lists == 0) return ssl_call_failed("X509_LOOKUP_load_file(\"" + parameters.revoked_path + "\")");
  ERR_clear_error();
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  return {};
}

// ngx_ssl_conf_commands
Result<void> run_conf_commands(SSL_CTX* context, const std::vector<std::pair<std::string, std::string>>& commands) {
  if (commands.empty()) return {};
  const std::unique_ptr<SSL_CONF_CTX, FreeWith<&SSL_CONF_CTX_free>> runner(SSL_CONF_CTX_new());
  SSL_CONF_CTX_set_flags(
      runner.get(), SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_CLIENT | SSL_CONF_FLAG_CERTIFICATE | SSL_CONF_FLAG_SHOW_ERRORS);
  SSL_CONF_CTX_set_ssl_ctx(runner.get(), context);
  for (const auto& [name, value] : commands) {
    if (SSL_CONF_cmd(runner.get(), name.c_str(), value.c_str()) > 0) continue;
    return ssl_call_failed("SSL_CONF_cmd(\"" + name + "\", \"" + value + "\")");
  }
  if (SSL_CONF_CTX_finish(runner.get()) != 1) return ssl_call_failed("SSL_CONF_finish()");
  return {};
}

// RFC 7301 section 3.1: each name with its length before it.
std::string alpn_wire_form(const std::vector<std::string>& names) {
  std::string wire;
  for (const std::string& name : names) {
    wire += static_cast<char>(name.size());
    wire += name;
  }
  return wire;
}

int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_size, const unsigned char* offered,
            unsigned offered_size, void*) noexcept {
  const std::string& ours = state_of(ssl).alpn;
  if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
  unsigned char* chosen = nullptr;
  const int outcome = SSL_select_next_proto(&chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
                                            static_cast<unsigned>(ours.size()), offered, offered_size);
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// The host name that the ClientHello asks for (RFC 6066 section 3); empty when there is none or it cannot be read.
std::string_view asked_name(SSL* ssl) noexcept {
  const unsigned char* bytes = nullptr;
  std::size_t size = 0;
  if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &bytes, &size) != 1) return {};
  constexpr std::size_t before_name = 5;  // list length (2), type (1), name length (2)
  if (size <= before_name) return {};
  const std::size_t list_size = static_cast<std::size_t>(bytes[0]) << 8 | bytes[1];
  const std::size_t name_size = static_cast<std::size_t>(bytes[3]) << 8 | bytes[4];
  if (list_size != size - 2 || bytes[2] != TLSEXT_NAMETYPE_host_name || name_size != size - before_name) return {};
  return {reinterpret_cast<const char*>(bytes + before_name), name_size};
}

// What the host that was chosen says to the handshake.
int rejected_or_good(SSL* ssl, int* alert) noexcept {
  if (!state_of(ssl).rejects) return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_UNRECOGNIZED_NAME;
  return SSL_CLIENT_HELLO_ERROR;
}

// The host is chosen here, before OpenSSL looks at the session that the client offers, and on the whole ClientHello
// however it was cut on the way: a session of one host is not resumed on another, and no client gets a weaker host than
// the one it names.
int on_client_hello(SSL* ssl, int* alert, void*) noexcept {
  const ServerHosts* hosts = hosts_of(ssl);
  std::string_view name = asked_name(ssl);
  if (name.ends_with('.')) name.remove_suffix(1);
  if (hosts == nullptr || !hosts->find || name.empty()) return rejected_or_good(ssl, alert);
  const std::shared_ptr<const ServerContext> host = hosts->find(text::lowered(name));
  if (host == nullptr || host->take_over(ssl)) return rejected_or_good(ssl, alert);
  *alert = SSL_AD_INTERNAL_ERROR;
  return SSL_CLIENT_HELLO_ERROR;
}

// Answers a client that asks for the state of our certificate (RFC 6066 section 8).
int on_status_request(SSL* ssl, void*) noexcept {
  const std::string& stapled = state_of(ssl).stapled;
  if (stapled.empty()) return SSL_TLSEXT_ERR_NOACK;
  auto* const copy = static_cast<unsigned char*>(OPENSSL_memdup(stapled.data(), stapled.size()));
  if (copy == nullptr) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(stapled.size()));  // takes the copy
  return SSL_TLSEXT_ERR_OK;
}

// ngx_ssl_conf_commands
Result<void> run_commands(SSL_CTX* context, const ServerParameters& parameters) {
  if (parameters.commands.empty()) return {};
  const std::unique_ptr<SSL_CONF_CTX, FreeWith<&SSL_CONF_CTX_free>> commands(SSL_CONF_CTX_new());
  if (!commands) return ssl_call_failed("SSL_CONF_CTX_new()");
  SSL_CONF_CTX_set_flags(commands.get(), SSL_CONF_FLAG_FILE | SSL_CONF_FLAG_SERVER | SSL_CONF_FLAG_CERTIFICATE |
                                             SSL_CONF_FLAG_SHOW_ERRORS);
  SSL_CONF_CTX_set_ssl_ctx(commands.get(), context);
  for (const auto& [name, value] : parameters.commands) {
    if (SSL_CONF_cmd(commands.get(), name.c_str(), value.c_str()) > 0) continue;
    return ssl_call_failed("SSL_CONF_cmd(\"" + name + "\", \"" + value + "\")");
  }
  if (SSL_CONF_CTX_finish(commands.get()) != 1) return ssl_call_failed("SSL_CONF_CTX_finish()");
  return {};
}

// Has OpenSSL remember the name and tell the client that it counted.
int on_server_name(SSL*, int*, void*) noexcept { return SSL_TLSEXT_ERR_OK; }

}  // namespace

Result<ServerContext> ServerContext::make(const ServerParameters& parameters) {
  ERR_clear_error();
  ServerContext result;
  result.context_.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = result.context_.get();
  if (context == nullptr) return ssl_call_failed("SSL_CTX_new()");

  set_common(context, parameters.protocols);
  if (parameters.prefer_server_ciphers) SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
  if (auto done = set_ciphers(context, parameters.ciphers); !done.ok()) return std::move(done).error();
  for (const CertificatePem& pem : parameters.certificates) {
    if (auto done = use_certificate(context, pem); !done.ok()) return std::move(done).error();
  }
  if (auto done = use_dhparam(context, parameters); !done.ok()) return std::move(done).error();
  if (auto done = ask_for_client_certificates(context, parameters.clients); !done.ok()) return std::move(done).error();
  if (parameters.ecdh_curve != "auto") {
    result.curves_ = parameters.ecdh_curve;
    if (SSL_CTX_set1_groups_list(context, result.curves_.c_str()) != 1) {
      return ssl_call_failed("SSL_CTX_set1_curves_list(\"" + result.curves_ + "\")");
    }
  }

  auto state = std::make_unique<ServerState>();
  state->alpn = alpn_wire_form(parameters.alpn);
  if (parameters.session_caching == SessionCaching::Shared) state->cache = parameters.session_cache;
  if (parameters.session_tickets) state->ticket_keys = parameters.ticket_keys;
  if (state->ticket_keys == nullptr) {
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    // TLS 1.3 would send tickets that only name a session of the cache.
    if (state->cache == nullptr) SSL_CTX_set_num_tickets(context, 0);
  }
  state->rejects = parameters.reject_handshake;
  state->stapled = parameters.stapled;
  state->record_size = parameters.record_size;
  attach_state(context, std::move(state));
  install_session_callbacks(context);
  SSL_CTX_set_session_cache_mode(context, parameters.session_caching == SessionCaching::Off
                                              ? SSL_SESS_CACHE_OFF
                                              : SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_timeout(context, static_cast<long>(parameters.session_timeout.count()));
  if (!result.set_session_scope(parameters)) return ssl_call_failed("SSL_CTX_set_session_id_context()");

  SSL_CTX_set_client_hello_cb(context, &on_client_hello, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, &on_server_name);
  SSL_CTX_set_alpn_select_cb(context, &on_alpn, nullptr);
  // On every context: OpenSSL asks the one that the connection began with.
  SSL_CTX_set_tlsext_status_cb(context, &on_status_request);
  if (auto done = run_commands(context, parameters); !done.ok()) return std::move(done).error();
  return result;
}

// Which sessions this host resumes: its own, made with the same certificates and the same demands on clients'.
bool ServerContext::set_session_scope(const ServerParameters& parameters) {
  std::string scope = parameters.identity;
  for (const CertificatePem& pem : parameters.certificates) scope.append("\n").append(pem.chain);
  const ClientVerificationParameters& clients = parameters.clients;
  scope += '\n' + std::to_string(static_cast<int>(clients.mode)) + ' ' + std::to_string(clients.depth);
  for (const std::string* pem : {&clients.authorities, &clients.trusted, &clients.revoked}) {
    scope += '\n' + std::to_string(pem->size()) + ' ' + *pem;
  }
  static_assert(SHA256_DIGEST_LENGTH <= SSL_MAX_SID_CTX_LENGTH);
  unsigned size = 0;
  return EVP_Digest(scope.data(), scope.size(), session_scope_.data(), &size, EVP_sha256(), nullptr) == 1 &&
         SSL_CTX_set_session_id_context(context_.get(), session_scope_.data(), size) == 1;
}

bool ServerContext::take_over(SSL* ssl) const noexcept {
  SSL_CTX* const context = context_.get();
  if (SSL_set_SSL_CTX(ssl, context) != context) return false;  // certificates, ciphers, callbacks; not the following
  const std::uint64_t options = SSL_CTX_get_options(context);
  SSL_clear_options(ssl, SSL_get_options(ssl) & ~options);
  SSL_set_options(ssl, options);
  SSL_set_num_tickets(ssl, SSL_CTX_get_num_tickets(context));
  SSL_set_verify(ssl, SSL_CTX_get_verify_mode(context), SSL_CTX_get_verify_callback(context));
  SSL_set_verify_depth(ssl, SSL_CTX_get_verify_depth(context));
  if (!curves_.empty() && SSL_set1_groups_list(ssl, curves_.c_str()) != 1) return false;
  return SSL_set_session_id_context(ssl, session_scope_.data(), static_cast<unsigned>(session_scope_.size())) == 1;
}

Result<ClientContext> ClientContext::make(const ClientParameters& parameters) {
  ERR_clear_error();
  ClientContext result;
  result.verify_ = parameters.verify;
  result.context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* const context = result.context_.get();
  if (context == nullptr) return ssl_call_failed("SSL_CTX_new()");
  set_common(context, parameters.protocols);
  if (auto done = set_ciphers(context, parameters.ciphers); !done.ok()) return std::move(done).error();
  if (parameters.certificate) {
    if (auto done = use_certificate(context, *parameters.certificate); !done.ok()) return std::move(done).error();
  }
  if (auto done = verify_server(context, parameters); !done.ok()) return std::move(done).error();
  if (parameters.session_reuse) keep_client_sessions(context);
  if (auto done = run_conf_commands(context, parameters.conf_commands); !done.ok()) return std::move(done).error();
  return result;
}

ClientContext ClientContext::share() const {
  ClientContext another;
  SSL_CTX_up_ref(context_.get());
  another.context_.reset(context_.get());
  another.verify_ = verify_;
  return another;
}

}  // namespace caisson::tls
