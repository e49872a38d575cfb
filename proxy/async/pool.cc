#include "async/pool.h"

namespace caisson::async {

BlockingPool::BlockingPool(std::size_t threads, std::size_t queue_limit) : queue_limit_(queue_limit) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

BlockingPool::~BlockingPool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

std::size_t BlockingPool::queued() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

void BlockingPool::submit(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    if (queue_.size() >= queue_limit_) throw Busy();
    queue_.push_back(&job);
  }
  wake_.notify_one();
}

void BlockingPool::serve() {
  for (;;) {
    Job* job = nullptr;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
      if (queue_.empty()) return;
      job = queue_.front();
      queue_.pop_front();
    }
    job->work_();
    job->loop_->post([waiting = job->waiting_] { waiting.resume(); });
  }
}

}  // namespace caisson::async
