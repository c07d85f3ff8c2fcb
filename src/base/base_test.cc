#include <gtest/gtest.h>

#include <fstream>

#include "base/error.h"
#include "base/file.h"
#include "base/random.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "base/threads.h"

namespace gantry {
namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = "/tmp/gantry-test-XXXXXX";
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Error, SaysCodeMessageAndRemedy) {
  Error error("E0203", "a.csv, line 3: not a date", "Write YYYY-MM-DD.");
  EXPECT_STREQ(error.what(), "E0203: a.csv, line 3: not a date. Write YYYY-MM-DD.");
}

TEST(Check, ThrowsLogicError) { EXPECT_THROW(GANTRY_CHECK(1 == 2), std::logic_error); }

TEST(File, AtomicWriteReplacesAndLeavesNothingBesides) {
  TemporaryFolder folder;
  auto path = folder.path() / "a.json";
  write_file_atomically(path, "one");
  write_file_atomically(path, "two");
  EXPECT_EQ(read_file(path), "two");
  {
    AtomicFile abandoned(path);
    abandoned.write("three");
  }
  EXPECT_EQ(read_file(path), "two");
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(File, MissingFileIsAnErrorWithItsName) {
  try {
    read_file("/nowhere/at/all");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), "E0101");
    EXPECT_NE(error.message().find("/nowhere/at/all"), std::string::npos);
  }
}

TEST(File, LockIsExclusive) {
  TemporaryFolder folder;
  FileLock lock(folder.path() / "lock", "training");
  EXPECT_THROW(FileLock(folder.path() / "lock", "training"), Error);
}

TEST(Sha256, MatchesTheStandardsExample) {  // FIPS 180-4, "abc"
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Random, IsAFunctionOfSeedStreamAndCounter) {
  Random a(7, 1), b(7, 1), c(7, 2);
  uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
  a.seek(0);
  EXPECT_EQ(first, a.next());
}

TEST(Random, NormalHasMeanZeroAndVarianceOne) {
  Random random(1);
  double sum = 0, squares = 0;
  const int n = 200000;
  for (int i = 0; i < n; ++i) {
    double x = random.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / n, 0, 0.01);
  EXPECT_NEAR(squares / n, 1, 0.01);
}

TEST(Strings, NearestWord) {
  std::vector<std::string> known = {"epochs", "learning_rate", "warmup"};
  EXPECT_EQ(nearest_word("epoch", known), "epochs");
  EXPECT_EQ(nearest_word("laerning_rate", known), "learning_rate");
  EXPECT_EQ(nearest_word("zzzzzz", known), "");
}

TEST(Strings, DataLines) {
  const auto lines = data_lines("# what it is\r\na\tb\r\n\n c #\n");
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[0].number, 2);
  EXPECT_EQ(lines[0].text, "a\tb");
  EXPECT_EQ(lines[1].number, 4);
  EXPECT_EQ(lines[1].text, " c #");
}

TEST(Strings, NumbersThatRoundToZeroHaveNoSign) {
  EXPECT_EQ(format_double(-0.0001, 3), "0.000");
  EXPECT_EQ(format_double(-0.0, 0), "0");
  EXPECT_EQ(format_double(-0.0005001, 3), "-0.001");
  EXPECT_EQ(format_double(-10, 1), "-10.0");
}

TEST(Strings, WithCommas) {
  EXPECT_EQ(with_commas(1234567), "1,234,567");
  EXPECT_EQ(with_commas(-999), "-999");
}

TEST(Threads, ParallelForCoversEachIndexOnce) {
  std::vector<int> hits(1000);
  parallel_for(1000, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) ++hits[static_cast<size_t>(i)];
  });
  for (int h : hits) EXPECT_EQ(h, 1);
}

}  // namespace
}  // namespace gantry
