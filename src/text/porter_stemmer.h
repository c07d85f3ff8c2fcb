// Porter's stemmer for English (Porter, Program 1980;14:130) with the extensions that NLTK's
// default has, since the reference implementation of ROUGE stems with those.
#pragma once

#include <string>
#include <string_view>

namespace gantry {

// `word`: lower-case ASCII letters and digits.
std::string porter_stem(std::string_view word);

}  // namespace gantry
