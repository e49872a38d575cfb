// Storage as the registry needs it, and no wider: small objects (links), content that never changes once it is visible,
// and drafts, which are content in the making. The file system is the first driver; tests/contract/store_driver.h says
// what every driver must do.
//
// Ownership: whoever opened a Content or a Draft owns it; the driver must outlive both.
// Threading: a Driver takes calls from any number of threads and processes at once; a Content too; a Draft takes one
//            call at a time. Every call may block for as long as the storage does: call them on the BlockingPool. The
//            one exception is Content::read_cached().
// Errors:    NotFound, NoSpace, ReadOnly, Io, and Conflict where it is named.
// Durability: what returned success survives a power cut, unless its comment says otherwise.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "registry/store/layout.h"

namespace caisson::registry::store {

// Content under its final key, open: it stays readable to its end even if it is deleted meanwhile.
class Content {
 public:
  virtual ~Content() = default;
  virtual std::uint64_t size() const noexcept = 0;

  // Fills `into` from `offset`, as far as there are bytes; 0 only at the end (or for an empty `into`).
  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const = 0;

  // The same, but only what is in memory already: safe on an event loop. Nothing when it would have to wait, when it
  // cannot tell, or on an error, which read() then reports.
  virtual std::optional<std::size_t> read_cached(std::uint64_t offset, std::span<std::byte> into) const noexcept = 0;
};

// Who wrote to a draft last: each opening gets a new one, so a reader can tell whether anybody came between.
using DraftToken = std::array<std::byte, 16>;

// The bytes of an upload so far, open for writing. The newest opening of a draft, in whichever process, is the one that
// writes: older ones get Conflict from their next call, so the bytes of two requests never mix and a retry does not
// wait behind a connection that is half dead.
//
// Dropping a draft keeps what was appended; it can be opened again, also after a crash. When the machine stopped in
// between, or another one opens it, only what was settled is sure to be left; the size says how much is.
class Draft {
 public:
  virtual ~Draft() = default;
  virtual std::uint64_t size() const noexcept = 0;
  virtual const DraftToken& token() const noexcept = 0;
  // The token of the opening before this one.
  virtual const DraftToken& previous_token() const noexcept = 0;

  virtual Result<std::size_t> read(std::uint64_t offset, std::span<std::byte> into) const = 0;

  // All of `bytes` or nothing: after an error size() is what it was. At most 64 MiB are left unsynced. When the storage
  // reports that earlier bytes were lost the draft is discarded, as nobody can say which of them are left.
  virtual Result<void> append(std::span<const std::byte> bytes) = 0;

  // Returns when all that was appended survives a power cut. The draft is discarded when it cannot, as append() says.
  virtual Result<void> settle() = 0;

  // Drops the bytes behind `size`, which are at most those that this opening appended.
  virtual Result<void> truncate(std::uint64_t size) = 0;

  // Makes the draft the content under `key`, whole and durable. Content of the same size that is there already stays,
  // as its key is its digest. Afterwards only discard() may follow.
  virtual Result<void> publish(const Key& key) = 0;

  // Removes what is left of the draft. The last call.
  virtual Result<void> discard() = 0;
};

// Names, sorted bytewise. Shared, as there may be very many of them; they never change.
using Names = std::shared_ptr<const std::vector<std::string>>;

// What is known of a draft without opening it.
struct DraftStatus {
  std::chrono::system_clock::time_point began;
  std::optional<std::uint64_t> size;  // nothing when it is only what is left of one
};

using Time = std::chrono::system_clock::time_point;

enum class Sharing : std::uint8_t { Shared, Alone };

// What this process may do with an object (read it, put it) or a folder (list it, make and remove things in it). On
// storage that is read-only for everybody that is not a question of rights: there it may write.
struct Rights {
  bool read = false;
  bool write = false;
};

// Something that lasts as long as this does.
class Hold {
 public:
  virtual ~Hold() = default;
};

class Driver {
 public:
  virtual ~Driver() = default;

  // Small objects. get() refuses one of more than `limit` bytes as TooLarge; put() replaces atomically, so that readers
  // see the old bytes or the new.
  virtual Result<std::string> get(const Key& key, std::size_t limit) const = 0;
  virtual Result<void> put(const Key& key, std::string_view bytes) = 0;
  // Removes an object if it holds exactly these bytes; what somebody else puts there meanwhile stays. Whether it did.
  virtual Result<bool> remove_if(const Key& key, std::string_view bytes) = 0;
  // Removes folders with all that is below them; their absence is success. Each is there whole or gone, also after a
  // crash, and all are gone for good when this returns. The room that they took may be given back later.
  virtual Result<void> remove(std::span<const Key> folders) = 0;

  // The names of the folders in `folder`; NotFound when there is no such folder. Quick when asked again. While they
  // stay the same it is likely, but not certain, that so does the object: who remembers what follows from the names may
  // take the same object as a sign that it still does.
  virtual Result<Names> folders(const Key& folder) const = 0;

  virtual Result<Rights> rights(const Key& key) const = 0;

  // Content. size() does not open it: for an object store that would start a download.
  virtual Result<std::uint64_t> size(const Key& key) const = 0;
  virtual Result<std::unique_ptr<Content>> open(const Key& key) const = 0;

  // Content's lease: a time that tells collection, in whichever process, how long ago anybody was told that the content
  // is there. Sets it to now unless it is younger than `age`. New content has one. It need not survive a power cut.
  virtual Result<void> renew_lease(const Key& key, std::chrono::milliseconds age) = 0;
  // When an object was put, or its lease was renewed, by the storage's own clock. A lock that try_hold() made is as old
  // as can be until somebody renews it.
  virtual Result<Time> changed(const Key& key) const = 0;

  // Takes a folder with all that is below it, or an object, to another place, in one step and quickly. NotFound when it
  // is not there; Conflict when a folder that is not empty stands in the way (an object gives way to an object). A
  // power cut may undo it, unless one of the two places was settled since.
  virtual Result<void> move(const Key& from, const Key& to) = 0;
  virtual Result<void> settle(std::span<const Key> places) = 0;

  // A lock of that name among all processes; waits for it. Any number share it, or one has it alone; who wants it alone
  // waits for those who have it, not for those who come after. So nobody may ask for a lock that he has already; who
  // needs several takes them in the order of Layout's functions. NotFound when it is wanted alone and nobody ever
  // shared it: then there is nothing to keep others from.
  virtual Result<std::unique_ptr<Hold>> hold(const Key& lock, Sharing sharing) = 0;
  // The same lock, alone and at once. Conflict: somebody has it.
  virtual Result<std::unique_ptr<Hold>> try_hold(const Key& lock) = 0;

  // Drafts, each in a folder of its own. A new draft need not survive a power cut before it is settled or published.
  virtual Result<std::unique_ptr<Draft>> create_draft(const Key& folder) = 0;
  virtual Result<std::unique_ptr<Draft>> open_draft(const Key& folder) = 0;
  // NotFound when there is nothing of it.
  virtual Result<DraftStatus> draft_status(const Key& folder) const = 0;
  // Removes the draft, or what is left of one, unless somebody has it open, in whichever process. Whether it did.
  virtual Result<bool> discard_idle_draft(const Key& folder) = 0;
};

}  // namespace caisson::registry::store
