// ExampleMaker: a case's text as what the engine reads, in windows where it is longer than the
// model. Nothing is cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "models/example.h"
#include "text/tokenizer.h"

namespace gantry {

struct WindowSettings {
  std::string prefix;        // the base model's own, put before every window ("query: ")
  int64_t max_tokens = 512;  // of a window, specials and prefix included
  int64_t overlap = 64;      // tokens of the text that two neighbouring windows share
  bool refuse_long = false;  // Error E0706 instead of windows
};

struct EncodedText {
  Example example;
  // Which bytes of the text each token of each window came from; {0, 0} for specials and prefix.
  std::vector<std::vector<ByteRange>> offsets;
};

class ExampleMaker {
 public:
  // `tokenizer` must outlive this. Error E0705 when a window has no room for any text.
  ExampleMaker(const Tokenizer& tokenizer, WindowSettings settings);

  // `id` seeds the report's dropout and stands in errors. Error E0706: longer than the model and
  // refuse_long.
  EncodedText encode(std::string_view id, std::string_view text, int label = -1) const;
  Example make(std::string_view id, std::string_view text, int label = -1) const;

 private:
  const Tokenizer& tokenizer_;
  WindowSettings settings_;
};

}  // namespace gantry
