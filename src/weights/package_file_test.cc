#include "weights/package_file.h"

#include "weights/test_folder.h"
#include "weights/test_packages.h"

namespace gantry {
namespace {

TEST(PackageFile, MembersAreListedReadAndCopied) {
  const TestFolder folder;
  const std::string large(3'000'000, 'x');
  write_zip(folder / "p.whl", {{"a/b.txt", "hello"}, {"a/c.bin", large}});
  const PackageFile package = PackageFile::open(folder / "p.whl");
  ASSERT_EQ(package.members().size(), 2u);
  EXPECT_EQ(package.members()[0].name, "a/b.txt");
  EXPECT_EQ(package.members()[1].bytes, 3'000'000);
  EXPECT_EQ(package.read("a/b.txt"), "hello");
  package.copy_to("a/c.bin", folder / "c.bin");
  EXPECT_EQ(read_file(folder / "c.bin"), large);
  EXPECT_TRUE(says(error_of([&] { package.read("a/d"); }), "no member a/d"));
}

TEST(PackageFile, NamesThatLeaveTheFolderAreRefused) {
  const TestFolder folder;
  for (const char* name : {"../x", "/etc/x", "a/../../x", "a\\..\\x", "./x"}) {
    write_zip(folder / "p.whl", {{name, "x"}});
    EXPECT_TRUE(says(error_of([&] { PackageFile::open(folder / "p.whl"); }), "E0425")) << name;
  }
}

TEST(PackageFile, DamageIsRefused) {
  const TestFolder folder;
  write_file_atomically(folder / "p.whl", "not a zip");
  EXPECT_TRUE(says(error_of([&] { PackageFile::open(folder / "p.whl"); }), "not a zip file"));
  std::string text;
  for (int i = 0; i < 5000; ++i) text += std::to_string(i * 7919);
  write_zip(folder / "p.whl", {{"a.txt", text}});
  const std::string whole = read_file(folder / "p.whl");
  const auto parse = [](const std::string& bytes) {
    return PackageFile::parse({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()}, "p");
  };
  for (size_t length = 0; length < whole.size(); length += 61) {
    EXPECT_NE(error_of([&] { parse(whole.substr(0, length)); }), "") << length;
  }
  std::string flipped = whole;  // inside the compressed data: the CRC must tell
  flipped[whole.size() / 2] = static_cast<char>(flipped[whole.size() / 2] ^ 0x55);
  write_file_atomically(folder / "flipped.whl", flipped);
  EXPECT_TRUE(
      says(error_of([&] { PackageFile::open(folder / "flipped.whl").read("a.txt"); }), "E0425"));
}

}  // namespace
}  // namespace gantry
