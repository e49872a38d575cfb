#include "integration/wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <strings.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

#include "integration/support.h"

namespace integration {

namespace {

using caisson::Fd;
using caisson::FreeWith;

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): a test
}

// Blocking calls give up after `patience`.
void set_deadlines(int fd) {
  const timeval limit{patience.count(), 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

std::shared_ptr<SSL> handshake(int fd, const std::string& alpn) {
  const std::unique_ptr<SSL_CTX, FreeWith<&SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
  std::shared_ptr<SSL> tls(SSL_new(context.get()), &SSL_free);
  SSL_set_tlsext_host_name(tls.get(), "localhost");
  if (!alpn.empty()) {
    const std::string list = static_cast<char>(alpn.size()) + alpn;
    SSL_set_alpn_protos(tls.get(), reinterpret_cast<const unsigned char*>(list.data()),
                        static_cast<unsigned>(list.size()));
  }
  SSL_set_fd(tls.get(), fd);
  if (SSL_connect(tls.get()) != 1) throw std::runtime_error("the TLS handshake failed");
  return tls;
}

bool equal_names(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

// Calls visit(name, value) for each header line.
template <class Visit>
void each_header(std::string_view head, Visit visit) {
  for (std::size_t at = head.find("\r\n"); at != std::string_view::npos;) {
    const std::size_t end = head.find("\r\n", at + 2);
    const std::string_view line = head.substr(at + 2, end == std::string_view::npos ? end : end - at - 2);
    const std::size_t colon = line.find(": ");
    if (colon != std::string_view::npos) visit(line.substr(0, colon), line.substr(colon + 2));
    at = end;
  }
}

std::uint64_t number(std::string_view digits, int base) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    throw std::runtime_error("not a size: " + std::string(digits));
  }
  return value;
}

std::string read_chunks(Wire& wire) {
  std::string body;
  for (;;) {
    std::string size = wire.read_until("\r\n");
    size.resize(size.size() - 2);
    const std::uint64_t bytes = number(size, 16);
    body += wire.read(bytes);
    if (wire.read(2) != "\r\n") throw std::runtime_error("no end of line after a chunk");
    if (bytes == 0) return body;
  }
}

std::string hex(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const unsigned char byte : bytes) text += {digits[byte >> 4U], digits[byte & 15U]};
  return text;
}

std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

}  // namespace

Wire::Wire(Fd fd) : fd_(std::move(fd)) { set_deadlines(fd_.get()); }

Wire Wire::to(std::uint16_t port, const Options& options) {
  Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (options.receive_buffer > 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUF, &options.receive_buffer, sizeof options.receive_buffer);
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fail("connect");
  Wire wire(std::move(fd));
  if (options.tls) wire.tls_ = handshake(wire.fd(), options.alpn);
  return wire;
}

void Wire::send(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t taken = 0;
    if (tls_) {
      if (SSL_write_ex(tls_.get(), bytes.data(), bytes.size(), &taken) != 1) fail("send");
    } else {
      const ssize_t n = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0) fail("send");
      taken = static_cast<std::size_t>(n);
    }
    bytes.remove_prefix(taken);
  }
}

std::uint64_t Wire::send_until_stuck(std::string_view pattern, std::uint64_t limit) {
  constexpr int stuck_after = 250;  // milliseconds
  std::uint64_t taken = 0;
  while (taken < limit) {
    pollfd waited{fd_.get(), POLLOUT, 0};
    if (::poll(&waited, 1, stuck_after) == 0) return taken;
    const std::string_view rest = pattern.substr(taken % pattern.size());
    const ssize_t n = ::send(fd_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && errno != EAGAIN) fail("send");
    taken += static_cast<std::uint64_t>(std::max<ssize_t>(n, 0));
  }
  throw std::runtime_error("the peer took " + std::to_string(taken) + " bytes and still takes more");
}

void Wire::finish_sending() {
  if (tls_) SSL_shutdown(tls_.get());
  ::shutdown(fd_.get(), SHUT_WR);
}

bool Wire::fill() {
  block_.resize(256UL * 1024);
  std::size_t n = 0;
  if (tls_) {
    ERR_clear_error();
    if (SSL_read_ex(tls_.get(), block_.data(), block_.size(), &n) != 1) {
      const int error = SSL_get_error(tls_.get(), 0);
      if (error == SSL_ERROR_WANT_READ) throw std::runtime_error("nothing came in time");
      clean_ = error == SSL_ERROR_ZERO_RETURN;
      return false;
    }
  } else {
    const ssize_t received = ::recv(fd_.get(), block_.data(), block_.size(), 0);
    if (received < 0 && errno != ECONNRESET) fail("recv after \"" + unread_ + '"');
    if (received <= 0) {
      clean_ = received == 0;
      return false;
    }
    n = static_cast<std::size_t>(received);
  }
  unread_.append(block_, 0, n);
  return true;
}

std::string Wire::read_until(std::string_view mark) {
  std::size_t found = 0;
  while ((found = unread_.find(mark)) == std::string::npos) {
    if (!fill()) throw std::runtime_error("the connection ended after \"" + unread_ + '"');
  }
  std::string taken = unread_.substr(0, found + mark.size());
  unread_.erase(0, taken.size());
  return taken;
}

std::string Wire::read(std::size_t bytes) {
  while (unread_.size() < bytes) {
    if (!fill()) throw std::runtime_error("the connection ended " + std::to_string(bytes) + " bytes too early");
  }
  std::string taken = unread_.substr(0, bytes);
  unread_.erase(0, bytes);
  return taken;
}

std::string Wire::read_to_end() {
  while (fill()) {
  }
  return std::exchange(unread_, {});
}

std::string_view Wire::read_some() {
  if (unread_.empty()) fill();
  block_ = std::exchange(unread_, {});
  return block_;
}

bool Wire::readable() {
  if (!unread_.empty() || (tls_ && SSL_pending(tls_.get()) > 0)) return true;
  pollfd waited{fd_.get(), POLLIN, 0};
  return ::poll(&waited, 1, 0) > 0;
}

std::string Answer::header(std::string_view name) const {
  std::string found;
  each_header(head, [&](std::string_view key, std::string_view value) {
    if (found.empty() && equal_names(key, name)) found = value;
  });
  return found;
}

bool Answer::has(std::string_view name) const { return count(name) > 0; }

std::size_t Answer::count(std::string_view name) const {
  std::size_t n = 0;
  each_header(head, [&](std::string_view key, std::string_view) { n += equal_names(key, name) ? 1 : 0; });
  return n;
}

Answer read_answer(Wire& wire, bool to_head) {
  Answer answer;
  answer.head = wire.read_until("\r\n\r\n");
  answer.head.resize(answer.head.size() - 4);
  if (!answer.head.starts_with("HTTP/1.1 ")) throw std::runtime_error("no answer: " + answer.head);
  answer.status = static_cast<unsigned>(number(std::string_view(answer.head).substr(9, 3), 10));
  if (to_head || answer.status < 200 || answer.status == 204 || answer.status == 304) return answer;
  const bool chunked = answer.header("Transfer-Encoding") == "chunked";
  if (chunked && answer.has("Content-Length")) throw std::runtime_error("two framings: " + answer.head);
  if (chunked) {
    answer.body = read_chunks(wire);
  } else if (answer.has("Content-Length")) {
    answer.body = wire.read(number(answer.header("Content-Length"), 10));
  } else {
    answer.body = wire.read_to_end();
    if (!wire.ended_cleanly()) throw std::runtime_error("broken off: " + answer.head);
  }
  return answer;
}

Answer ask(std::uint16_t port, std::string_view request) {
  Wire wire = Wire::to(port);
  wire.send(request);
  return read_answer(wire, request.starts_with("HEAD "));
}

std::string get_request(std::string_view path, std::string_view headers) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" + std::string(headers) + "\r\n";
}

std::string as_chunk(std::string_view data) {
  std::array<char, 16> size{};
  const auto [end, error] = std::to_chars(size.data(), size.data() + size.size(), data.size(), 16);
  return std::string(size.data(), end) + "\r\n" + std::string(data) + "\r\n";
}

std::string basic(std::string_view user, std::string_view password) {
  const std::string plain = std::string(user) + ':' + std::string(password);
  std::string encoded((plain.size() + 2) / 3 * 4 + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(plain.data()), static_cast<int>(plain.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return "Authorization: Basic " + encoded + "\r\n";
}

std::string digest_of(std::string_view bytes) { return digest_of_repeated(bytes, bytes.size()); }

std::string digest_of_repeated(std::string_view bytes, std::uint64_t size) {
  const std::unique_ptr<EVP_MD_CTX, FreeWith<&EVP_MD_CTX_free>> hash(EVP_MD_CTX_new());
  EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
  while (size > 0) {
    const std::size_t n = std::min<std::uint64_t>(size, bytes.size());
    EVP_DigestUpdate(hash.get(), bytes.data(), n);
    size -= n;
  }
  std::array<unsigned char, 32> digest{};
  EVP_DigestFinal_ex(hash.get(), digest.data(), nullptr);
  return "sha256:" + hex(digest);
}

Identity make_identity() {
  const std::unique_ptr<EVP_PKEY, FreeWith<&EVP_PKEY_free>> key(EVP_EC_gen("P-256"));
  const std::unique_ptr<X509, FreeWith<&X509_free>> certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 30L * 24 * 3600);
  X509_set_pubkey(certificate.get(), key.get());
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
  X509_set_issuer_name(certificate.get(), name);
  const std::unique_ptr<X509_EXTENSION, FreeWith<&X509_EXTENSION_free>> names(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"));
  X509_add_ext(certificate.get(), names.get(), -1);
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) throw std::runtime_error("cannot sign");

  const std::unique_ptr<BIO, FreeWith<&BIO_free>> public_part(BIO_new(BIO_s_mem()));
  const std::unique_ptr<BIO, FreeWith<&BIO_free>> secret_part(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(public_part.get(), certificate.get());
  PEM_write_bio_PrivateKey(secret_part.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {contents(public_part.get()), contents(secret_part.get())};
}

}  // namespace integration
