// Computes the digests of all contents of a store, on several threads, in an order that can be taken up again: what is
// done is everything up to some digest.
//
// Ownership: refers to its store and to what it fills. Threading: run() is called once, by one thread; progress() and
// position() by any. Errors: what cannot be listed is a finding.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "registry/doctor/contents.h"
#include "registry/doctor/finding.h"
#include "registry/doctor/rights.h"
#include "registry/store/store.h"

namespace caisson::registry::doctor {

class DigestWalk {
 public:
  // Begins behind `after`.
  DigestWalk(store::Store& store, Contents& contents, RightsCheck& rights, std::optional<store::Digest> after)
      : store_(store), contents_(contents), rights_(rights), after_(std::move(after)), done_(after_) {}

  // Returns when all are done, or when told to stop; `on_done` is called by the threads, one at a time, after each.
  void run(unsigned threads, const std::stop_token& stop, const std::function<void()>& on_done);

  struct Progress {
    std::uint64_t contents = 0;
    std::uint64_t bytes = 0;
    double part = 0;  // from 0 to 1
  };
  Progress progress() const;
  // Everything up to this one is done.
  std::optional<store::Digest> position() const;
  // What could not be listed.
  Findings findings() const;

 private:
  struct Issued {
    store::Digest digest;
    bool done = false;
  };

  void work(const std::stop_token& stop, const std::function<void()>& on_done);
  // The next one, and its number.
  std::optional<std::pair<std::uint64_t, store::Digest>> next();
  bool open_next_shard();
  void finish(std::uint64_t number);

  store::Store& store_;
  Contents& contents_;
  RightsCheck& rights_;
  const std::optional<store::Digest> after_;

  mutable std::mutex mutex_;
  unsigned shard_ = 0;  // the next one: 256 of each algorithm
  store::Algorithm algorithm_ = store::Algorithm::Sha256;
  store::Names names_;
  std::size_t at_ = 0;
  std::deque<Issued> issued_;  // those behind done_
  std::uint64_t first_issued_ = 0;
  std::optional<store::Digest> done_;
  Findings findings_;
  std::mutex on_done_mutex_;
  std::atomic<std::uint64_t> contents_done_{0};
  std::atomic<std::uint64_t> bytes_done_{0};
};

}  // namespace caisson::registry::doctor
