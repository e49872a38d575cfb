// What every store::Driver must do. A driver's own test file calls store_driver_contract(make) inside a TEST_CASE,
// where make() gives a driver over empty storage; called twice in one case, both over the same storage.
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "registry/store/driver.h"

namespace caisson::registry::store {

inline std::string all_of(const Content& content) {
  std::string bytes(content.size() + 10, '\0');
  auto read = content.read(0, std::as_writable_bytes(std::span(bytes)));
  REQUIRE(read.ok());
  bytes.resize(read.value());
  return bytes;
}

inline std::string all_of(const Draft& draft) {
  std::string bytes(draft.size(), '\0');
  auto read = draft.read(0, std::as_writable_bytes(std::span(bytes)));
  REQUIRE(read.ok());
  bytes.resize(read.value());
  return bytes;
}

template <class Make>
void store_driver_contract(Make make) {
  auto driver = make();
  const auto name = RepositoryName::parse("library/app").value();
  const auto tag = Tag::parse("v1").value();
  const Digest digest = digest_of(Algorithm::Sha256, text::bytes_of("hello"));
  const Key link = Layout::tag_current_link(name, tag);
  const Key blob = Layout::blob_data(digest);
  const Key folder = Layout::upload(name, UploadId::parse("01234567-89ab-4def-8123-456789abcdef").value());

  SUBCASE("what was never put is not found") {
    CHECK(driver->get(link, 100).error().code == ErrorCode::NotFound);
    CHECK(driver->size(blob).error().code == ErrorCode::NotFound);
    CHECK(driver->open(blob).error().code == ErrorCode::NotFound);
    CHECK(driver->folders(Layout::repositories()).error().code == ErrorCode::NotFound);
    CHECK(driver->open_draft(folder).error().code == ErrorCode::NotFound);
    CHECK(driver->draft_status(folder).error().code == ErrorCode::NotFound);
  }
  SUBCASE("a small object reads as the last that was put") {
    REQUIRE(driver->put(link, "first").ok());
    REQUIRE(driver->put(link, "second").ok());
    CHECK(driver->get(link, 100).value() == "second");
    CHECK(make()->get(link, 100).value() == "second");
  }
  SUBCASE("a small object over the limit is refused, not cut") {
    REQUIRE(driver->put(link, "123456").ok());
    CHECK(driver->get(link, 6).ok());
    CHECK(driver->get(link, 5).error().code == ErrorCode::TooLarge);
  }
  SUBCASE("an object is removed if it holds what somebody saw in it, and only then") {
    CHECK_FALSE(driver->remove_if(link, "").value());
    REQUIRE(driver->put(link, "").ok());
    CHECK(driver->remove_if(link, "").value());
    CHECK(driver->get(link, 100).error().code == ErrorCode::NotFound);
    REQUIRE(driver->put(link, "newer").ok());
    for (const char* seen : {"", "new", "newer still"}) CHECK_FALSE(driver->remove_if(link, seen).value());
    CHECK(driver->get(link, 100).value() == "newer");
  }
  SUBCASE("whoever made an object, or a folder, may read and write it") {
    CHECK(driver->rights(link).error().code == ErrorCode::NotFound);
    REQUIRE(driver->put(link, "x").ok());
    for (const Key& key : {link, Layout::tags(name)}) {
      CHECK(driver->rights(key).value().read);
      CHECK(driver->rights(key).value().write);
    }
  }
  SUBCASE("folders are removed whole, their neighbours stay, and their places can be used again") {
    const auto other = Layout::tag_current_link(name, Tag::parse("v2").value());
    const auto third = Layout::tag_current_link(name, Tag::parse("v3").value());
    for (const Key& key : {link, other, third}) REQUIRE(driver->put(key, "x").ok());
    const std::array folders{Layout::tag(name, tag), Layout::tag(name, Tag::parse("v3").value())};
    CHECK(driver->remove(folders).ok());
    CHECK(driver->get(link, 100).error().code == ErrorCode::NotFound);
    CHECK(make()->get(third, 100).error().code == ErrorCode::NotFound);
    CHECK(driver->get(other, 100).ok());
    REQUIRE(driver->put(link, "again").ok());
    CHECK(driver->get(link, 100).value() == "again");
  }
  SUBCASE("removing what is not there succeeds") {
    CHECK(driver->remove(std::array{Layout::tag(name, tag)}).ok());
    CHECK(driver->remove({}).ok());
  }
  SUBCASE("folders are listed bytewise, files are not") {
    for (const char* text : {"b", "B", "a-1", "a", "_x"}) {
      REQUIRE(driver->put(Layout::tag_current_link(name, Tag::parse(text).value()), "x").ok());
    }
    CHECK(*driver->folders(Layout::tags(name)).value() == std::vector<std::string>{"B", "_x", "a", "a-1", "b"});
    CHECK(driver->folders(Layout::tag(name, tag)).error().code == ErrorCode::NotFound);
    CHECK(driver->folders(Layout::revision(name, digest)).error().code == ErrorCode::NotFound);
  }
  SUBCASE("a list of folders is right at once, whoever changed them") {
    auto other_driver = make();
    const auto list = [&] {
      auto names = driver->folders(Layout::tags(name));
      return names.ok() ? *names.value() : std::vector<std::string>();
    };
    std::vector<std::string> expected;
    for (int round = 0; round < 50; ++round) {
      const std::string text = "v" + std::to_string(1000 + round);
      auto& writer = round % 2 == 0 ? *driver : *other_driver;
      REQUIRE(writer.put(Layout::tag_current_link(name, Tag::parse(text).value()), "x").ok());
      expected.push_back(text);
      CHECK(list() == expected);
    }
    for (int round = 0; round < 50; ++round) {
      auto& writer = round % 2 == 0 ? *other_driver : *driver;
      REQUIRE(writer.remove(std::array{Layout::tag(name, Tag::parse(expected.back()).value())}).ok());
      expected.pop_back();
      CHECK(list() == expected);
    }
  }
  SUBCASE("content is read at any offset, and is empty behind its end") {
    REQUIRE(driver->put(blob, "hello").ok());
    CHECK(driver->size(blob).value() == 5);
    auto content = driver->open(blob);
    REQUIRE(content.ok());
    CHECK(content.value()->size() == 5);
    CHECK(all_of(*content.value()) == "hello");
    std::string part(3, '\0');
    CHECK(content.value()->read(1, std::as_writable_bytes(std::span(part))).value() == 3);
    CHECK(part == "ell");
    CHECK(content.value()->read(4, std::as_writable_bytes(std::span(part))).value() == 1);
    CHECK(content.value()->read(5, std::as_writable_bytes(std::span(part))).value() == 0);
    CHECK(content.value()->read(500, std::as_writable_bytes(std::span(part))).value() == 0);
  }
  SUBCASE("what is read from memory, if it can be, is what is stored") {
    REQUIRE(driver->put(blob, "hello").ok());
    auto content = driver->open(blob);
    REQUIRE(content.ok());
    std::string bytes(5, '\0');
    if (auto n = content.value()->read_cached(0, std::as_writable_bytes(std::span(bytes)))) {
      CHECK(bytes.substr(0, *n) == std::string_view("hello").substr(0, *n));
    }
  }
  SUBCASE("content that is removed while open stays readable") {
    REQUIRE(driver->put(blob, "hello").ok());
    auto content = driver->open(blob);
    REQUIRE(content.ok());
    REQUIRE(driver->remove(std::array{Layout::blob(digest)}).ok());
    CHECK(driver->open(blob).error().code == ErrorCode::NotFound);
    CHECK(all_of(*content.value()) == "hello");
  }
  SUBCASE("a draft is invisible until it is published, and then it is whole") {
    auto draft = driver->create_draft(folder).value();
    CHECK(draft->size() == 0);
    REQUIRE(draft->append(text::bytes_of("hel")).ok());
    REQUIRE(draft->append(text::bytes_of("lo")).ok());
    CHECK(draft->size() == 5);
    CHECK(all_of(*draft) == "hello");
    CHECK(driver->size(blob).error().code == ErrorCode::NotFound);
    REQUIRE(draft->publish(blob).ok());
    CHECK(all_of(*driver->open(blob).value()) == "hello");
    CHECK(driver->open_draft(folder).error().code == ErrorCode::NotFound);
    CHECK(draft->discard().ok());
    CHECK(driver->folders(folder).error().code == ErrorCode::NotFound);
  }
  SUBCASE("a dropped draft is found again with its bytes, also by another driver") {
    {
      auto draft = driver->create_draft(folder).value();
      REQUIRE(draft->append(text::bytes_of("hel")).ok());
    }
    auto other_driver = make();
    auto draft = other_driver->open_draft(folder).value();
    CHECK(draft->size() == 3);
    CHECK(all_of(*draft) == "hel");
    REQUIRE(draft->append(text::bytes_of("lo")).ok());
    REQUIRE(draft->publish(blob).ok());
    CHECK(all_of(*driver->open(blob).value()) == "hello");
  }
  SUBCASE("how far a draft got is known without opening it") {
    auto draft = driver->create_draft(folder).value();
    CHECK(driver->draft_status(folder).value().size == 0);
    REQUIRE(draft->append(text::bytes_of("hel")).ok());
    CHECK(make()->draft_status(folder).value().size == 3);
    REQUIRE(draft->settle().ok());
    CHECK(make()->draft_status(folder).value().size == 3);
    REQUIRE(draft->append(text::bytes_of("lo")).ok());
    CHECK(draft->publish(blob).ok());
    const auto left = driver->draft_status(folder);
    if (left.ok()) CHECK_FALSE(left.value().size.has_value());
  }
  SUBCASE("publishing what is there already keeps one, readable") {
    REQUIRE(driver->put(blob, "hello").ok());
    auto draft = driver->create_draft(folder).value();
    REQUIRE(draft->append(text::bytes_of("hello")).ok());
    REQUIRE(draft->publish(blob).ok());
    CHECK(all_of(*driver->open(blob).value()) == "hello");
    CHECK(driver->open_draft(folder).error().code == ErrorCode::NotFound);
  }
  SUBCASE("publishing heals content of the wrong size") {
    REQUIRE(driver->put(blob, "").ok());
    auto draft = driver->create_draft(folder).value();
    REQUIRE(draft->append(text::bytes_of("hello")).ok());
    REQUIRE(draft->publish(blob).ok());
    CHECK(all_of(*driver->open(blob).value()) == "hello");
  }
  SUBCASE("what was appended can be dropped again") {
    auto draft = driver->create_draft(folder).value();
    REQUIRE(draft->append(text::bytes_of("hel")).ok());
    REQUIRE(draft->append(text::bytes_of("XXX")).ok());
    REQUIRE(draft->truncate(3).ok());
    CHECK(draft->size() == 3);
    REQUIRE(draft->append(text::bytes_of("lo")).ok());
    CHECK(all_of(*draft) == "hello");
  }
  SUBCASE("a discarded draft is gone") {
    auto draft = driver->create_draft(folder).value();
    REQUIRE(draft->append(text::bytes_of("hello")).ok());
    CHECK(draft->discard().ok());
    CHECK(driver->open_draft(folder).error().code == ErrorCode::NotFound);
    CHECK(driver->folders(folder).error().code == ErrorCode::NotFound);
  }
  SUBCASE("the newest opening of a draft writes, older ones are told so") {
    auto older = driver->create_draft(folder).value();
    REQUIRE(older->append(text::bytes_of("hel")).ok());
    auto other_driver = make();
    auto newer = other_driver->open_draft(folder).value();
    CHECK(newer->size() == 3);
    CHECK(older->append(text::bytes_of("XX")).error().code == ErrorCode::Conflict);
    CHECK(older->settle().error().code == ErrorCode::Conflict);
    CHECK(older->publish(blob).error().code == ErrorCode::Conflict);
    CHECK(older->discard().error().code == ErrorCode::Conflict);
    REQUIRE(newer->append(text::bytes_of("lo")).ok());
    REQUIRE(newer->publish(blob).ok());
    CHECK(all_of(*driver->open(blob).value()) == "hello");
  }
  SUBCASE("a token tells whether anybody came between two openings") {
    auto first = driver->create_draft(folder).value();
    const DraftToken token = first->token();
    first.reset();
    CHECK(driver->open_draft(folder).value()->previous_token() == token);
    CHECK(driver->open_draft(folder).value()->previous_token() != token);
  }
  SUBCASE("a draft that nobody has open is discarded as idle, one that is open is not") {
    using namespace std::chrono_literals;
    auto draft = driver->create_draft(folder);
    REQUIRE(draft.ok());
    const auto age = std::chrono::system_clock::now() - make()->draft_status(folder).value().began;
    CHECK(age < 10s);
    CHECK(age > -10s);
    CHECK_FALSE(driver->discard_idle_draft(folder).value());
    CHECK_FALSE(make()->discard_idle_draft(folder).value());
    CHECK(draft.value()->append(text::bytes_of("x")).ok());
    draft.value().reset();
    CHECK(make()->discard_idle_draft(folder).value());
    CHECK(driver->open_draft(folder).error().code == ErrorCode::NotFound);
    CHECK(driver->draft_status(folder).error().code == ErrorCode::NotFound);
  }
  SUBCASE("a lease is of content that is there") {
    using namespace std::chrono_literals;
    CHECK(driver->renew_lease(blob, 0s).error().code == ErrorCode::NotFound);
    REQUIRE(driver->put(blob, "hello").ok());
    CHECK(driver->renew_lease(blob, 15min).ok());
  }
  SUBCASE("what is put has a time, which is now") {
    using namespace std::chrono_literals;
    CHECK(driver->changed(blob).error().code == ErrorCode::NotFound);
    REQUIRE(driver->put(blob, "hello").ok());
    CHECK(driver->changed(blob).value() > Time::clock::now() - 1min);
    CHECK(driver->changed(blob).value() < Time::clock::now() + 1min);
  }
  SUBCASE("a folder moves as a whole, and what was in its place before stays where it is") {
    const Key place = Layout::blob(digest);
    const Key other = Layout::blob(digest_of(Algorithm::Sha256, text::bytes_of("other")));
    CHECK(driver->move(place, other).error().code == ErrorCode::NotFound);
    REQUIRE(driver->put(blob, "hello").ok());
    REQUIRE(driver->move(place, other).ok());
    const std::array places{place, other};
    CHECK(driver->settle(places).ok());
    CHECK(make()->get(blob, 100).error().code == ErrorCode::NotFound);
    REQUIRE(driver->put(blob, "hello").ok());
    CHECK(driver->move(place, other).error().code == ErrorCode::Conflict);
    CHECK(make()->get(blob, 100).value() == "hello");
  }
  SUBCASE("an object that moves takes the place of another") {
    const Key other = Layout::blob_data(digest_of(Algorithm::Sha256, text::bytes_of("other")));
    REQUIRE(driver->put(blob, "hello").ok());
    REQUIRE(driver->put(other, "other").ok());
    REQUIRE(driver->move(blob, other).ok());
    CHECK(make()->get(other, 100).value() == "hello");
  }
  SUBCASE("whoever does not wait for a lock is told that somebody has it") {
    const Key lock = Layout::content_lock();
    auto alone = driver->try_hold(lock);
    REQUIRE(alone.ok());
    CHECK(make()->try_hold(lock).error().code == ErrorCode::Conflict);
    alone.value().reset();
    auto shared = driver->hold(lock, Sharing::Shared);
    CHECK(make()->try_hold(lock).error().code == ErrorCode::Conflict);
  }
  SUBCASE("a lock is shared by any number, or one has it alone") {
    const Key lock = Layout::content_lock();
    {
      auto mine = driver->hold(lock, Sharing::Shared);
      auto theirs = make()->hold(lock, Sharing::Shared);
      CHECK(mine.ok());
      CHECK(theirs.ok());
    }
    auto alone = driver->hold(lock, Sharing::Alone);
    REQUIRE(alone.ok());
    auto later = std::async(std::launch::async, [&] { return make()->hold(lock, Sharing::Shared); });
    CHECK(later.wait_for(std::chrono::milliseconds(50)) == std::future_status::timeout);
    alone.value().reset();
    CHECK(later.get().ok());
    CHECK(driver->hold(Layout::tags_lock(name), Sharing::Alone).error().code == ErrorCode::NotFound);
  }
}

}  // namespace caisson::registry::store
