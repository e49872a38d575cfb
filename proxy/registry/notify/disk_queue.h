// A queue in files, which outlives its process: what was appended is there after a kill at any moment. (It is not
// synced: a power cut may take the last seconds.) Each process has a folder of its own, so that any number of them
// share a volume:
//
//     FOLDER/UUID/lock         held (flock) as long as the process lives; whoever can take it inherits the folder
//     FOLDER/UUID/0000000001   events, one a line; a new file each `segment` bytes, the oldest goes when there are too
//                              many
//     FOLDER/UUID/delivered    how far they are delivered: the number of a file, and an offset in it
//
// An event may be delivered twice (when its delivery was not noted any more), and none is lost but those that are
// counted as dropped.
//
// Ownership: the folder's, through its lock. The destructor leaves what is pending to the next process. Threading: any.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/handle.h"
#include "base/result.h"
#include "registry/notify/queue.h"

namespace caisson::registry::notify {

class DiskQueue final : public Queue {
 public:
  struct Limits {
    std::uint64_t bytes = std::uint64_t{64} << 20;
    std::uint64_t segment = std::uint64_t{1} << 20;
  };

  // A new, empty queue below `folder`, which is made when it is not there. Errors: of the system.
  static Result<std::unique_ptr<DiskQueue>> create(const std::string& folder, Limits limits);
  // The queues below `folder` whose processes are gone and that hold events. Those without any are removed.
  static std::vector<std::unique_ptr<DiskQueue>> inherit(const std::string& folder, Limits limits);

  ~DiskQueue() override;
  DiskQueue(const DiskQueue&) = delete;
  DiskQueue& operator=(const DiskQueue&) = delete;

  bool append(std::string_view event) override;
  std::optional<Front> front() override;
  void pop(std::uint64_t number) override;

 private:
  struct Segment {
    std::uint64_t number;
    Fd file;
    std::uint64_t size = 0;
    std::uint64_t delivered = 0;             // bytes
    std::deque<std::uint32_t> lengths = {};  // of the pending lines, each with its end
  };

  DiskQueue(std::string folder, Fd lock, Limits limits)
      : folder_(std::move(folder)), lock_(std::move(lock)), limits_(limits) {}
  std::string path_of(std::uint64_t segment) const;
  bool open_segment();
  void load();
  void load_segment(std::uint64_t number, std::uint64_t delivered);
  void drop_front_segment();
  void trim();
  void note_delivered();

  const std::string folder_;
  const Fd lock_;
  const Limits limits_;
  std::mutex mutex_;
  std::deque<Segment> segments_;  // the oldest first; the last is written to
  std::uint64_t next_segment_ = 1;
  std::uint64_t first_ = 0;  // the number of the front event
  std::uint64_t bytes_ = 0;  // of all files
  Fd delivered_;
};

}  // namespace caisson::registry::notify
