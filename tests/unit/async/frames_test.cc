#include "async/frames.h"

#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <thread>
#include <vector>

using namespace caisson::async;

TEST_CASE("frames of all sizes hold what is written to them, and do not overlap") {
  std::vector<std::pair<unsigned char*, std::size_t>> frames;
  for (std::size_t size = 1; size < 6000; size += 61) {
    auto* const frame = static_cast<unsigned char*>(allocate_frame(size));
    std::memset(frame, static_cast<int>(size & 0xff), size);
    frames.emplace_back(frame, size);
  }
  for (const auto& [frame, size] : frames) {
    CHECK(frame[0] == (size & 0xff));
    CHECK(frame[size - 1] == (size & 0xff));
    free_frame(frame, size);
  }
}

TEST_CASE("a frame that was given back serves again, for a size of the same step") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  const bool reused = false;
#else
  const bool reused = true;
#endif
  void* const first = allocate_frame(1000);
  free_frame(first, 1000);
  void* const second = allocate_frame(970);
  if (reused) CHECK(second == first);
  free_frame(second, 970);
}

TEST_CASE("frames may be given back in any order, on another thread, and in great number") {
  std::vector<void*> frames;
  for (int i = 0; i < 2000; ++i) frames.push_back(allocate_frame(512));
  CHECK(std::set<void*>(frames.begin(), frames.end()).size() == frames.size());
  std::thread([&] {
    for (void* frame : frames) free_frame(frame, 512);
  }).join();
  void* const next = allocate_frame(512);
  std::memset(next, 1, 512);
  free_frame(next, 512);
}
