#include "records/row_reader.h"

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "base/sha256.h"
#include "text/encoding.h"

namespace gantry {
namespace {

// What a reader gives, one line an outcome: "2: a | b" or "3! bad_json".
std::string told(RowReader& reader) {
  std::string out;
  for (;;) {
    switch (reader.next()) {
      case RowReader::Next::end:
        return out;
      case RowReader::Next::rejected:
        out += std::to_string(reader.rejected().line) + "! " + reader.rejected().code + "\n";
        break;
      case RowReader::Next::row: {
        out += std::to_string(reader.row().line) + ":";
        for (size_t i = 0; i < reader.row().values.size(); ++i)
          out += (i ? " | " : " ") + reader.row().values[i];
        out += "\n";
      }
    }
  }
}

std::string told(std::string_view bytes, RowReaderOptions options = {},
                 std::string name = "a.csv") {
  return told(*RowReader::over(bytes, std::move(name), options));
}

std::string error_of(std::string_view bytes, RowReaderOptions options = {},
                     std::string name = "a.csv") {
  try {
    RowReader::over(bytes, std::move(name), options);
  } catch (const Error& e) {
    return e.code();
  }
  return "";
}

TEST(Csv, Rfc4180) {
  EXPECT_EQ(told("id,text\n1,a\n2,b\n"), "2: 1 | a\n3: 2 | b\n");
  EXPECT_EQ(told("id,text\r\n1,a\r\n2,b"), "2: 1 | a\n3: 2 | b\n");
  EXPECT_EQ(told("id,text\r1,a\r2,b\r"), "2: 1 | a\n3: 2 | b\n");
  EXPECT_EQ(told("id,text\n1,\"a,b\"\n2,\"say \"\"no\"\"\"\n"), "2: 1 | a,b\n3: 2 | say \"no\"\n");
  EXPECT_EQ(told("id,text\n1,\"a\nb\r\nc\rd\"\n2,e\n"), "2: 1 | a\nb\r\nc\rd\n6: 2 | e\n");
  EXPECT_EQ(told("id,text\n1,\"\"\n2,\n,\n"), "2: 1 | \n3: 2 | \n4:  | \n");
  EXPECT_EQ(told("\xEF\xBB\xBFid,text\n1,a"), "2: 1 | a\n");
  EXPECT_EQ(told("id,text\n1,\"a\""), "2: 1 | a\n");
  EXPECT_EQ(told("id,text\n1,\"a\"\r"), "2: 1 | a\n");
  EXPECT_EQ(told("id,text\n1,5\" tube\n"), "2: 1 | 5\" tube\n");
  EXPECT_EQ(told("id,text\n1,"), "2: 1 | \n");
  EXPECT_EQ(told("id\n1\n\n2\n"), "2: 1\n4: 2\n");
  EXPECT_EQ(told("\n\nid,text\n\n1,a\n\n\n2,b\n"), "5: 1 | a\n8: 2 | b\n");
}

TEST(Csv, DelimiterIsSniffedOrGiven) {
  EXPECT_EQ(told("id\ttext\n1\ta,b\n"), "2: 1 | a,b\n");
  EXPECT_EQ(told("id;text\n1;a,b\n"), "2: 1 | a,b\n");
  EXPECT_EQ(told("id|text\n1|a\n"), "2: 1 | a\n");
  EXPECT_EQ(told("sep=;\nid;text\n1;a\n"), "3: 1 | a\n");
  EXPECT_EQ(told("\"a,b\"\tid\n1\t2\n"), "2: 1 | 2\n");
  EXPECT_EQ(told("id,a;b;c\n1,2\n", {.delimiter = ','}), "2: 1 | 2\n");
  EXPECT_EQ(told("id,b\tc\n1\t2\n", {}, "a.tsv"), "2: 1 | 2\n");
}

TEST(Csv, ABadRowIsSetAsideAndTheNextIsRead) {
  EXPECT_EQ(told("id,text\n1,a,b\n2,c\n3\n"),
            "2! wrong_column_count\n3: 2 | c\n4! wrong_column_count\n");
  EXPECT_EQ(told("id,text\n1,\"a\"b\n2,c\n"), "2! text_after_quote\n3: 2 | c\n");
  EXPECT_EQ(told("id,text\n1,\"a\n2,c\n3,d\n"), "2! unterminated_quote\n3: 2 | c\n4: 3 | d\n");
  // A stray quote takes the next row's quote for its end: only its own line is lost.
  EXPECT_EQ(told("id,text\n1,\"a\n2,\"b\"\n3,c\n"), "2! text_after_quote\n3: 2 | b\n4: 3 | c\n");
  EXPECT_EQ(told("id,text\n1,\"a\nb\"c\"\n2,d\n"),
            "2! text_after_quote\n3! wrong_column_count\n4: 2 | d\n");
  EXPECT_EQ(told(std::string_view("id,text\n1,a\0b\n2,c\n", 18)), "2! nul_byte\n3: 2 | c\n");
  EXPECT_EQ(told("id,text\n1,骨\xFF\n2,骨\n"), "2! bad_encoding\n3: 2 | 骨\n");
  auto reader = RowReader::over("id,text\n1,骨\xFF\n2,骨\n", "a.csv");
  reader->next();
  EXPECT_EQ(reader->rejected().reason, "byte 14 of the file: FF is not UTF-8");
  EXPECT_EQ(reader->rejected().excerpt, "1,骨\uFFFD");
}

TEST(Csv, AHugeFieldIsSetAside) {
  RowReaderOptions small{.max_row_bytes = 1000};
  std::string big(3000, 'x'), lines;
  for (int i = 0; i < 500; ++i) lines += "y\n";
  EXPECT_EQ(told("id,text\n1," + big + "\n2,c\n", small), "2! row_too_long\n3: 2 | c\n");
  EXPECT_EQ(told("id,text\n1,\"" + big + "\"\n2,c\n", small), "2! row_too_long\n3: 2 | c\n");
  EXPECT_EQ(told("id,text\n1,\"" + lines + "\"\n2,c\n", small), "2! row_too_long\n503: 2 | c\n");
  EXPECT_EQ(told("id,text\n1," + std::string(1'000'000, 'x') + "\r\n2,c\n", small),
            "2! row_too_long\n3: 2 | c\n");
  EXPECT_EQ(told("id,text\n1," + big, small), "2! row_too_long\n");
  RowReaderOptions jsonl = small;
  jsonl.format = RowFormat::jsonl;
  EXPECT_EQ(told("{\"a\":\"" + big + "\"}\n{\"a\":1}\n", jsonl), "1! row_too_long\n2: 1\n");
}

TEST(Csv, HeaderNames) {
  auto reader = RowReader::over(" id ,text,,text\n1,2,3,4\n", "a.csv");
  EXPECT_EQ(reader->about().columns,
            (std::vector<std::string>{"id", "text", "column 3", "text (2)"}));
  EXPECT_EQ(reader->about().delimiter, ',');
}

TEST(Jsonl, Rows) {
  auto reader = RowReader::over(
      "{\"id\":\"A\",\"n\":1.50,\"x\":null,\"t\":true,\"o\":{\"a\":[1,{\"b\":\"\\n\"}],\"c\":{}}}"
      "\r\n\n"
      "  {\"id\":\"B\"}",
      "a.jsonl");
  ASSERT_EQ(reader->next(), RowReader::Next::row);
  const Row& row = reader->row();
  EXPECT_EQ(row.names, (std::vector<std::string>{"id", "n", "x", "t", "o"}));
  EXPECT_EQ(row.values[1], "1.50");
  EXPECT_EQ(row.values[2], "");
  EXPECT_EQ(row.kinds[2], Row::Kind::null);
  EXPECT_EQ(row.values[3], "true");
  EXPECT_EQ(row.values[4], R"({"a":[1,{"b":"\n"}],"c":{}})");
  EXPECT_EQ(row.kinds[4], Row::Kind::json);
  EXPECT_EQ(row.find("o"), 4);
  EXPECT_EQ(row.find("z"), -1);
  ASSERT_EQ(reader->next(), RowReader::Next::row);
  EXPECT_EQ(reader->row().line, 3);
  EXPECT_EQ(reader->row().names, std::vector<std::string>{"id"});
  EXPECT_EQ(reader->next(), RowReader::Next::end);
}

TEST(Jsonl, ABadRowIsSetAside) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{\"a\":1", "bad_json"},
      {"[1]", "bad_json"},
      {"12", "bad_json"},
      {"\"x\"", "bad_json"},
      {"{\"a\":\"\\ud800\"}", "bad_json"},
      {"{\"a\":1,\"a\":2}", "bad_json"},
      {"{\"a\":01}", "bad_json"},
      {"{\"a\":1} x", "bad_json"},
      {"{\"a\":NaN}", "bad_json"},
      {"{'a':1}", "bad_json"},
      {"{\"a\":\"\xFF\"}", "bad_encoding"},
      {"null", "bad_json"},
      {std::string("{\"a\":\"\0\"}", 9), "nul_byte"},
      {"{\"a\":\"\\u0000\"}", "nul_byte"}};
  for (const auto& [line, code] : cases)
    EXPECT_EQ(told("{\"a\":\"骨転移\"}\n" + line + "\n{\"a\":3}\n", {}, "a.jsonl"),
              "1: 骨転移\n2! " + code + "\n3: 3\n")
        << line;
  std::string deep(100'000, '[');
  EXPECT_EQ(told("{\"a\":" + deep + "\n{\"a\":1}\n", {}, "a.jsonl"), "1! bad_json\n2: 1\n");
}

TEST(RowReader, FilesThatCannotBeUsed) {
  EXPECT_EQ(error_of(""), "E0201");
  EXPECT_EQ(error_of("\xEF\xBB\xBF"), "E0201");
  EXPECT_EQ(error_of(" \n\n"), "E0201");
  EXPECT_EQ(error_of(std::string_view("PK\x03\x04\x14\0\0\0", 8)), "E0202");
  EXPECT_EQ(error_of("id,a\n", {.encoding = "klingon"}), "E0203");
  EXPECT_EQ(error_of("[{\"a\":1}]", {}, "a.json"), "E0204");
  EXPECT_EQ(error_of("\"id,text\n1,2\n"), "E0204");
  EXPECT_THROW(RowReader::open("/no/such/file.csv"), Error);
  EXPECT_THROW(RowReader::open("/"), Error);
}

TEST(RowReader, FormatByNameOrFirstCharacter) {
  EXPECT_EQ(RowReader::over("{\"a\":1}", "x")->about().format, RowFormat::jsonl);
  EXPECT_EQ(RowReader::over("a,b", "standard input")->about().format, RowFormat::csv);
  EXPECT_EQ(RowReader::over("a\tb", "x.TSV")->about().format, RowFormat::tsv);
}

// In CP932 and ISO-2022-JP the second byte of a character may be a backslash, a bar or a tilde.
TEST(RowReader, DecodeFirstSplitAfter) {
  EXPECT_EQ(told("id,text\n1,\x83\x5C\x95\x5C\x94\x5C\x8F\x5C\n2,"
                 "\x8D\x9C\x93\x5D\x88\xDA\x82\xF0\x94\x46\x82\xDF\x82\xDC\x82\xB7\n",
                 {.encoding = "cp932"}),
            "2: 1 | ソ表能十\n3: 2 | 骨転移を認めます\n");
  EXPECT_EQ(told("id|text\n1|\x1B$B9|E>0\\J|@~\x1B(B\n", {.delimiter = '|'}),
            "2: 1 | 骨転移放線\n");
  // A lead byte whose trail is missing does not eat the delimiter.
  EXPECT_EQ(told("id,text,x\n1,\x8D,y\n2,a,b\n", {.encoding = "cp932"}),
            "2! bad_encoding\n3: 2 | a | b\n");
}

TEST(RowReader, TheEncodingMayShowLate) {
  std::string text = "id,text\n";
  for (int i = 0; i < 100'000; ++i) text += "1,plain ascii only\n";
  std::string late = "2,\x8D\x9C\x93\x5D\x88\xDA\x82\xF0\x94\x46\x82\xDF\x82\xDC\x82\xB7\x81\x42\n";
  text += late;
  auto reader = RowReader::over(text, "late.csv");
  int64_t rows = 0;
  while (reader->next() == RowReader::Next::row) ++rows;
  EXPECT_EQ(rows, 100'001);
  EXPECT_EQ(reader->row().values[1], "骨転移を認めます。");
  EXPECT_EQ(reader->about().encoding, "CP932");
  EXPECT_EQ(reader->sha256(), sha256_hex(text));
  EXPECT_EQ(reader->bytes_read(), static_cast<int64_t>(text.size()));
}

// A pipe is answered as its rows come: a service must not wait for a sample of a quarter megabyte.
TEST(RowReader, APipeIsReadAsItComes) {
  auto path = std::filesystem::temp_directory_path() /
              ("gantry_row_reader_pipe_" + std::to_string(::getpid()));
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::atomic<bool> first_row_seen = false;
  bool waited = false;
  std::thread writer([&] {
    std::ofstream out(path, std::ios::binary);
    out << "{\"id\":\"1\",\"report\":\"骨転移を認めません。\"}\n" << std::flush;
    for (int i = 0; i < 1000 && !first_row_seen; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    waited = first_row_seen;
    out << "{\"id\":\"2\"}\n";
  });
  auto reader = RowReader::open(path, {.format = RowFormat::jsonl});
  EXPECT_EQ(reader->next(), RowReader::Next::row);
  EXPECT_EQ(reader->row().values[1], "骨転移を認めません。");
  first_row_seen = true;
  EXPECT_EQ(reader->next(), RowReader::Next::row);
  EXPECT_EQ(reader->next(), RowReader::Next::end);
  writer.join();
  EXPECT_TRUE(waited);
  std::filesystem::remove(path);
}

TEST(RowReader, AnEncodingThatCannotBeToldIsAsked) {
  std::string name = "id,name\n1,\xB6\xE2\n";  // 金 in EUC-JP, ｶ and a lone lead byte in CP932
  RowReaderOptions given{.encoding = "euc-jp"};
  EXPECT_EQ(told(name, given), "2: 1 | 金\n");
  // Two kanji in EUC-JP or four half-width kana in CP932: nobody can know.
  EXPECT_EQ(error_of("id,name\n1,\xBD\xC5\xB0\xC3\n"), "E0203");
}

TEST(RowReader, FileAndMemoryReadAlike) {
  auto path = std::filesystem::temp_directory_path() / "gantry_row_reader_test.csv";
  std::string text = "id,text\n";
  for (int i = 0; i < 40'000; ++i)
    text += std::to_string(i) + ",\"骨転移\nなし " + std::to_string(i % 7) + "\"\r\n";
  std::ofstream(path, std::ios::binary) << text;
  std::string from_file = told(*RowReader::open(path)), from_memory = told(text);
  EXPECT_TRUE(from_file == from_memory);
  EXPECT_TRUE(from_file.ends_with("80000: 39999 | 骨転移\nなし 1\n"));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace gantry
