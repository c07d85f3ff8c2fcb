// What the verbs of a study share.
#pragma once

#include "cli/face.h"
#include "study/study.h"

namespace gantry::cli {

// The study of --study, or the one stood in.
Study open_study(const Face& face, const std::vector<std::string>& overrides = {});

// "key=value" words only: a word that is none is a usage error (E0901).
std::vector<std::string> only_overrides(const std::vector<std::string>& words);

}  // namespace gantry::cli
