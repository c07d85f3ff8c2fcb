#include "infer/answer_trie.h"

#include "base/error.h"
#include "infer/stories_test.h"

namespace gantry {
namespace {

std::unique_ptr<Tokenizer> tokenizer() {
  return Tokenizer::from_json(stories::small_tokenizer(), "small");
}

std::string code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.code();
  }
  return "no error";
}

// Every path of the trie that ends in an answer, as text.
void spell_all(const AnswerTrie& trie, const Tokenizer& t, int32_t node, std::vector<int32_t>& path,
               std::map<std::string, int32_t>& found) {
  for (const AnswerTrie::Edge& edge : trie.children(node)) {
    if (edge.is_answer()) {
      EXPECT_EQ(edge.token, trie.end_id());
      found[t.decode(path)] = edge.answer();
      continue;
    }
    path.push_back(edge.token);
    spell_all(trie, t, edge.target, path, found);
    path.pop_back();
  }
}

TEST(AnswerTrie, SpellsTheListAndNothingElse) {
  const auto t = tokenizer();
  const std::vector<std::string> list = {"C50", "C50.1",  "C50.11", "C79.51",
                                         "C5",  "photon", "D05",    "photon and electron"};
  const AnswerTrie trie = AnswerTrie::compile(*t, 2, list);
  std::map<std::string, int32_t> found;
  std::vector<int32_t> path;
  spell_all(trie, *t, AnswerTrie::kRoot, path, found);
  ASSERT_EQ(found.size(), list.size());
  for (size_t i = 0; i < list.size(); ++i) {
    EXPECT_EQ(found.at(list[i]), static_cast<int32_t>(i));
    const auto tokens = trie.tokens(i);
    EXPECT_EQ(t->decode(tokens), list[i]);
    int32_t node = AnswerTrie::kRoot;
    for (int32_t token : tokens) {
      const AnswerTrie::Edge* edge = trie.child(node, token);
      ASSERT_NE(edge, nullptr);
      node = edge->target;
    }
    ASSERT_NE(trie.child(node, 2), nullptr);
    EXPECT_EQ(trie.child(node, 2)->answer(), static_cast<int32_t>(i));
  }
  EXPECT_EQ(trie.child(AnswerTrie::kRoot, t->id("Z")), nullptr);
  for (int32_t node = 0; node < trie.nodes(); ++node) {
    const auto edges = trie.children(node);
    EXPECT_FALSE(edges.empty());
    EXPECT_TRUE(std::is_sorted(edges.begin(), edges.end(),
                               [](const auto& a, const auto& b) { return a.token < b.token; }));
  }
}

TEST(AnswerTrie, RefusesListsThatDoNotFit) {
  const auto t = tokenizer();
  const auto compile = [&](std::vector<std::string> list) {
    return code_of([&] { AnswerTrie::compile(*t, 2, list); });
  };
  EXPECT_EQ(compile({}), "E0765");
  EXPECT_EQ(compile({"C50", " "}), "E0765");
  EXPECT_EQ(compile({"C50", "C61", "C50"}), "E0765");
  EXPECT_EQ(compile({"C50", "C50</s>"}), "E0766") << "the end token inside";
  EXPECT_EQ(compile({"C50\xff"}), "E0766") << "not UTF-8: reads back as another text";
  const AnswerTrie::Spell all_alike = [](std::string_view) {
    return std::vector<int32_t>{3 + 'A', 2};
  };
  EXPECT_EQ(code_of([&] {
              AnswerTrie::compile(*t, all_alike, {"A", "A "});
            }),
            "E0766")
      << "two answers of the same tokens";
  const AnswerTrie::Spell nothing = [](std::string_view) { return std::vector<int32_t>{2}; };
  EXPECT_EQ(code_of([&] { AnswerTrie::compile(*t, nothing, {"A"}); }), "E0766");
}

// 75,000 codes of ICD-10-CM's forms. The time is measured by bench/decode_bench.cc.
TEST(AnswerTrie, ALongListOfCodes) {
  std::vector<std::string> list;
  for (int i = 0; i < 75000; ++i) {
    std::string code = {static_cast<char>('A' + i % 26), static_cast<char>('0' + i / 26 % 10),
                        static_cast<char>('0' + i / 260 % 10), '.',
                        static_cast<char>('0' + i / 2600 % 10)};
    list.push_back(code + std::to_string(i / 26000));
  }
  const auto t = tokenizer();
  const AnswerTrie trie = AnswerTrie::compile(*t, 2, list);
  EXPECT_EQ(trie.size(), list.size());
  EXPECT_LE(trie.longest(), 7);
  for (size_t i = 0; i < list.size(); i += 997) EXPECT_EQ(t->decode(trie.tokens(i)), list[i]);
}

}  // namespace
}  // namespace gantry
