// Threads for what must not block a loop: password hashes, fsync, cold reads, directory walks.
//
// Ownership: outlives the loops that use it. The destructor finishes the jobs that were taken, then joins the threads.
// Threading: run() from any loop's thread; the job runs on a pool thread, the awaiting coroutine goes on on its loop.
// Errors:    run() throws Busy when the queue is full, and what the job throws. Cancelling does not recall a job: the
//            await ends when the job ends, and then throws Cancelled.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <type_traits>
#include <vector>

#include "async/loop.h"

namespace caisson::async {

class BlockingPool {
 public:
  // `queue_limit`: jobs that may wait for a thread.
  BlockingPool(std::size_t threads, std::size_t queue_limit);
  ~BlockingPool();
  BlockingPool(const BlockingPool&) = delete;
  BlockingPool& operator=(const BlockingPool&) = delete;

  // Trap of g++ 12: captures that own something are destroyed twice when the lambda is written inside the co_await.
  // Give it a name first: auto work = [name] { ... }; co_await pool.run(std::move(work)).
  template <class F>
  Task<std::invoke_result_t<F&>> run(F work) {
    using T = std::invoke_result_t<F&>;
    std::exception_ptr error;
    if constexpr (std::is_void_v<T>) {
      Job job(*this, [&work, &error] {
        try {
          work();
        } catch (...) {
          error = std::current_exception();
        }
      });
      co_await job;
      if (error) std::rethrow_exception(error);
    } else {
      std::optional<T> result;
      Job job(*this, [&work, &error, &result] {
        try {
          result.emplace(work());
        } catch (...) {
          error = std::current_exception();
        }
      });
      co_await job;
      if (error) std::rethrow_exception(error);
      co_return std::move(*result);
    }
  }

  std::size_t queued() const;

 private:
  // The wait for one job. Lives in the frame of run(), which is joined and never abandoned, so the job may refer to it.
  class Job {
   public:
    Job(BlockingPool& pool, std::function<void()> work) : pool_(pool), work_(std::move(work)) {}
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> self) {
      scope_ = self.promise().scope;
      if (scope_ != nullptr && scope_->cancelled()) return false;
      waiting_ = self;
      loop_ = &Loop::current();
      pool_.submit(*this);
      return true;
    }
    void await_resume() const {
      if (scope_ != nullptr && scope_->cancelled()) throw Cancelled();
    }

   private:
    friend class BlockingPool;
    BlockingPool& pool_;
    std::function<void()> work_;
    CancelScope* scope_ = nullptr;
    std::coroutine_handle<> waiting_;
    Loop* loop_ = nullptr;
  };

  void submit(Job& job);
  void serve();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job*> queue_;
  const std::size_t queue_limit_;
  bool closing_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace caisson::async
