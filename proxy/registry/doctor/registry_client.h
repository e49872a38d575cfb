// Another registry over HTTP: its API, and what it takes to be let in (basic and bearer authentication, redirects to
// where its contents are). A credential goes to the registry itself and to the token service that it names, and never
// along with a redirect to somebody else.
//
// Ownership, threading, errors: as OtherRegistry says.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "registry/doctor/challenge.h"
#include "registry/doctor/other_registry.h"
#include "registry/doctor/transfer.h"

namespace caisson::registry::doctor {

struct RegistryAddress {
  std::string url;        // http(s)://HOST[:PORT][/PREFIX]; the prefix stands before every repository's name
  std::string user = {};  // "": none
  std::string password = {};
  std::string authorities = {};  // PEM; "": those that the machine trusts
};

class RegistryClient final : public OtherRegistry {
 public:
  // BadConfig: the URL is not one of a registry.
  static Result<std::unique_ptr<RegistryClient>> make(const RegistryAddress& address);

  Result<void> blob(const store::RepositoryName& name, const store::Digest& digest, const Sink& sink) override;
  Result<std::string> manifest(const store::RepositoryName& name, const store::Digest& digest) override;
  Result<store::Digest> tagged(const store::RepositoryName& name, const store::Tag& tag) override;

 private:
  RegistryClient(RegistryAddress address, std::string origin, std::string prefix)
      : address_(std::move(address)),
        origin_(std::move(origin)),
        prefix_(std::move(prefix)),
        transfer_(address_.authorities) {}

  std::string url_of(const store::RepositoryName& name, const std::string& rest) const;
  // The answer, which has what was asked for, after whatever it took to get it: also several tries, of which each goes
  // on where the one before broke off.
  Result<Transfer::Answer> get(const store::RepositoryName& name, Transfer::Request request);
  Result<Transfer::Answer> ask(const store::RepositoryName& name, const Transfer::Request& request);
  Result<Transfer::Answer> follow(Transfer::Request request, const std::string& authorization);
  // What to send from now on to who asked like this.
  Result<std::string> answer_to(const Transfer::Answer& refusal, const store::RepositoryName& name);
  Result<std::string> fetch_token(const Challenge& challenge, const store::RepositoryName& name);
  std::string basic() const;

  const RegistryAddress address_;
  const std::string origin_;
  const std::string prefix_;
  Transfer transfer_;
  std::map<std::string, std::string> authorizations_;  // by repository
  bool answers_ = false;                               // there is somebody, and worth asking again
};

}  // namespace caisson::registry::doctor
