// A file of chat templates and what is said in them: any bytes open or end in an Error, what a turn
// says comes out whole, and a model's own template is only looked at.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "base/error.h"
#include "text/chat_template.h"
#include "text/prompt_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace gantry;
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const size_t cut = bytes.find('\0');
  const std::string toml = bytes.substr(0, cut);
  const std::string said = cut == std::string::npos ? bytes : bytes.substr(cut + 1);
  try {
    const PromptTemplate prompt = PromptTemplate::parse(said, "fuzz");
    std::map<std::string, std::string> record;
    for (const std::string& field : prompt.fields()) record[field] = "{" + field + "}";
    const FilledPrompt filled = prompt.fill(record, "r");
    if (filled.text_end > filled.text.size() || filled.text_begin > filled.text_end) std::abort();
  } catch (const Error&) {
  }
  try {
    const ChatTemplates all = ChatTemplates::parse(toml, "fuzz");
    for (const std::string& name : all.names()) {
      const ChatTurn system{ChatRole::kSystem, "<|im_end|>{content}"};
      const ChatTurn user{ChatRole::kUser, "x" + said + "x", 1, 1 + said.size()};
      const std::string text = all.named(name).text(std::vector{system, user}, "<s>", "</s>");
      if (text.find(user.content) == std::string::npos) std::abort();
    }
    all.detect(said, "fuzz");
  } catch (const Error&) {
  }
  return 0;
}
