// The normalization forms of UAX #15 on text that keeps its alignment.
#pragma once

#include "text/aligned_text.h"

namespace gantry {

enum class NormalForm { kNfc, kNfd, kNfkc, kNfkd };

void normalize(AlignedText& text, NormalForm form);

}  // namespace gantry
